EXTRA.plugins/validate := plugins/lib/xml_body.c
LIBS.plugins/validate := -lxml2
$O/plugins/validate/%.o $O/plugins/lib/%.o: CSTD += -isystem $(LIBXML2_INC)
