LIBS.adapters/360giving := -ljson-c -lm
