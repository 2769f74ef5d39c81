EXTRA.plugins/map := plugins/lib/xml_body.c
LIBS.plugins/map := -ljq -lexslt -lxslt -lxml2
$O/plugins/map/%.o $O/tests/unit/plugins-map/%.o: CSTD += -isystem $(LIBXML2_INC)
