LIBS.plugins/amqp := -lrabbitmq -ljson-c -lssl -lcrypto
