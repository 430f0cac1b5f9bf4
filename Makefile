# The commands of ./dev, for fingers that type make.
.PHONY: all build demo test bench fuzz lint install localslack clean
all: build
build demo test bench fuzz lint install localslack clean:
	./dev $@ $(ARGS)
