LIBS.plugins/fetch := -lcurl -ljson-c -lcrypto -lz
