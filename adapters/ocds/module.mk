LIBS.adapters/ocds := -lm
