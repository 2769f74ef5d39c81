/* SPDX-License-Identifier: Apache-2.0 */
/* codes: the code lists of 360Giving 1.4.3. Currency and country are enforced by its schema (ISO
 * 4217 with historic codes, ISO 3166-1 alpha-2); the others are closed by the standard but left
 * open by the schema, so that a code outside them is a warning. */
#include "giving.h"
#include <string.h>

/* fixed-width codes in order, without separators */
static const char currencies[] =
    "ADPAEDAFAAFNALKALLAMDANGAOAAOKAONAORARAARPARSARYATSAUDAWGAYMAZMAZNBADBAMBBDBDTBECBEFBELBGJ"
    "BGKBGLBGNBHDBIFBMDBNDBOBBOPBOVBRBBRCBREBRLBRNBRRBSDBTNBUKBWPBYBBYNBYRBZDCADCDFCHCCHECHFCHW"
    "CLFCLPCNYCOPCOUCRCCSDCSJCSKCUCCUPCVECYPCZKDDMDEMDJFDKKDOPDZDECSECVEEKEGPERNESAESBESPETBEUR"
    "FIMFJDFKPFRFGBPGEKGELGHCGHPGHSGIPGMDGNEGNFGNSGQEGRDGTQGWEGWPGYDHKDHNLHRDHRKHTGHUFIDRIEPILP"
    "ILRILSINRIQDIRRISJISKITLJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAJLAKLBPLKRLRDLSLLSMLTLLTTLUC"
    "LUFLULLVLLVRLYDMADMDLMGAMGFMKDMLFMMKMNTMOPMROMRUMTLMTPMURMVQMVRMWKMXNMXPMXVMYRMZEMZMMZNNAD"
    "NGNNICNIONLGNOKNPRNZDOMRPABPEHPEIPENPESPGKPHPPKRPLNPLZPTEPYGQARRHDROKROLRONRSDRUBRURRWFSAR"
    "SBDSCRSDDSDGSDPSEKSGDSHPSITSKKSLLSOSSRDSRGSSPSTDSTNSURSVCSYPSZLTHBTJRTJSTMMTMTTNDTOPTPETRL"
    "TRYTTDTWDTZSUAHUAKUGSUGWUGXUSDUSNUSSUYIUYNUYPUYUUZSVEBVEFVESVNCVNDVUVWSTXAFXAGXAUXBAXBBXBC"
    "XBDXCDXDRXEUXFOXFUXOFXPDXPFXPTXREXSUXTSXUAXXXYDDYERYUDYUMYUNZALZARZMKZMWZRNZRZZWCZWDZWLZWN"
    "ZWR";
static const char countries[] =
    "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICK"
    "CLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGS"
    "GTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULV"
    "LYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPM"
    "PNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTR"
    "TTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

static bool find(const char *table, size_t n, size_t width, const char *code)
{
    size_t low = 0, high = n;
    if (strlen(code) != width)
        return false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = memcmp(code, table + mid * width, width);
        if (order == 0)
            return true;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

bool currency_known(const char *code)
{
    return find(currencies, (sizeof currencies - 1) / 3, 3, code);
}

bool country_known(const char *code)
{
    return find(countries, (sizeof countries - 1) / 2, 2, code);
}

struct codelist {
    const char *prefix; /* three digits follow */
    const char *wanted;
    int last; /* in steps of ten from 010; 099 besides when undefined is set */
    bool undefined;
};
const struct codelist codes_regrant = {"FRG", "a code of the list regrantType (FRG010 to FRG070)",
                                       70, false};
const struct codelist codes_scope = {
    "GLS", "a code of the list locationScope (GLS010 to GLS060, GLS099)", 60, true};
const struct codelist codes_reason = {
    "GTIR", "a code of the list grantToIndividualsReason (GTIR010 to GTIR120)", 120, false};
const struct codelist codes_purpose = {
    "GTIP", "a code of the list grantToIndividualsPurpose (GTIP010 to GTIP170)", 170, false};

bool codelist_has(const struct codelist *l, const char *code)
{
    size_t at = strlen(l->prefix);
    if (strncmp(code, l->prefix, at) != 0 || strlen(code) != at + 3)
        return false;
    int n = 0;
    for (size_t i = at; i < at + 3; i++) {
        if (code[i] < '0' || code[i] > '9')
            return false;
        n = n * 10 + (code[i] - '0');
    }
    return (n % 10 == 0 && n >= 10 && n <= l->last) || (l->undefined && n == 99);
}

const char *codelist_wanted(const struct codelist *l)
{
    return l->wanted;
}
