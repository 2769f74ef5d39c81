LIBS.plugins/http := -ljson-c
