LIBS.plugins/exec := -ljson-c
