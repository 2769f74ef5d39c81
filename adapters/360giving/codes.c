/* SPDX-License-Identifier: Apache-2.0 */
/* codes: the code lists of 360Giving 1.4.3 that the standard closes and its schema leaves open, so
 * that a code outside them is a warning. */
#include "giving.h"

const struct codelist codes_regrant = {.words = "FRG010 FRG020 FRG030 FRG040 FRG050 FRG060 FRG070",
                                       .wanted =
                                           "a code of the list regrantType (FRG010 to FRG070)"};
const struct codelist codes_scope = {
    .words = "GLS010 GLS020 GLS030 GLS040 GLS050 GLS060 GLS099",
    .wanted = "a code of the list locationScope (GLS010 to GLS060, GLS099)"};
const struct codelist codes_reason = {
    .words = "GTIR010 GTIR020 GTIR030 GTIR040 GTIR050 GTIR060 GTIR070 GTIR080 GTIR090 "
             "GTIR100 GTIR110 GTIR120",
    .wanted = "a code of the list grantToIndividualsReason (GTIR010 to GTIR120)"};
const struct codelist codes_purpose = {
    .words = "GTIP010 GTIP020 GTIP030 GTIP040 GTIP050 GTIP060 GTIP070 GTIP080 GTIP090 "
             "GTIP100 GTIP110 GTIP120 GTIP130 GTIP140 GTIP150 GTIP160 GTIP170",
    .wanted = "a code of the list grantToIndividualsPurpose (GTIP010 to GTIP170)"};
