LIBXML2_INC := $(or $(shell pkg-config --variable=includedir libxml-2.0 2>/dev/null),/usr/include)/libxml2
LIBS.adapters/iati := -lxml2 -lm
$O/adapters/iati/%.o $O/tests/unit/adapters-iati/%.o: CSTD += -isystem $(LIBXML2_INC)
