LIBS.plugins/exec := -ljson-c -lcrypto
ALSO_ADAPTER += plugins/exec
