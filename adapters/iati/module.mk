LIBS.adapters/iati := -lxml2 -lm
$O/adapters/iati/%.o $O/tests/unit/adapters-iati/%.o: CSTD += -isystem $(LIBXML2_INC)
