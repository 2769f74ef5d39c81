/* SPDX-License-Identifier: Apache-2.0 */
/* xml_body - the body of a message as an XML tree, for the steps that work on one.
 *
 * The body is hostile: a document type declaration is refused (so there are no entities but the
 * five of XML and characters by number), nothing outside the body is read, and libxml2's own bounds
 * on depth (256) and on one text (10 MB) hold. */
#ifndef REEVE_XML_BODY_H
#define REEVE_XML_BODY_H
#include <libxml/tree.h>
#include <reeve/plugin.h>

/* Once for each instance that uses what is here, before anything is read: libxml2 of this process
 * opens files and never the network. */
void xml_body_init(void);

/* Is this the content type of XML (RFC 7303: text/xml, application/xml, anything that ends in
 * +xml)? NULL is not. Parameters do not matter. */
int xml_body_is(const char *content_type);

/* The tree, to be freed with xmlFreeDoc(); or NULL (the body is of another type, or not to be
 * read): why[] holds a sentence for people, without anything that stands in the body. Lines are
 * kept (xmlGetLineNo). */
xmlDocPtr xml_body_read(const reeve_msg *msg, char *why, size_t why_size);

/* Are the words of this message's body not to be repeated: is it about people? */
int xml_body_personal(const reeve_msg *msg);

#endif
