LIBS.adapters/360giving := -lm
