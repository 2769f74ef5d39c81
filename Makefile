# reeve: one Makefile for the whole tree, no recursion, no configure step.   make help
MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all
SHELL := /bin/bash

BUILD ?= debug
O     ?= build/$(BUILD)
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-5s %s\n' $1 '$2')

VERSION := 0.1.0
PREFIX  ?= /usr/local
bindir      = $(PREFIX)/bin
libexecdir  = $(PREFIX)/libexec/reeve
moduledir   = $(PREFIX)/lib/reeve
includedir  = $(PREFIX)/include
pkgdir      = $(PREFIX)/lib/pkgconfig
mandir      = $(PREFIX)/share/man
datadir     = $(PREFIX)/share/reeve
unitdir     = $(PREFIX)/lib/systemd/system
sysusersdir = $(PREFIX)/lib/sysusers.d
tmpfilesdir = $(PREFIX)/lib/tmpfiles.d
zshdir      = $(PREFIX)/share/zsh/site-functions

# ---------------------------------------------------------------- flags
IS_CLANG := $(findstring clang,$(CC))
CSTD  := -std=c11 -D_GNU_SOURCE -DREEVE_VERSION='"$(VERSION)"' -Icore -Icore/include
WARN  := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wformat=2 -Wundef -Wcast-qual -Wstrict-prototypes \
         -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wpointer-arith -Wnull-dereference \
         -Wimplicit-fallthrough -fno-common $(if $(IS_CLANG),,-Wlogical-op -Wduplicated-branches) \
         $(if $(W),-Werror)
HARD  := -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing -fvisibility=hidden \
         $(if $(filter x86_64,$(shell uname -m)),-fcf-protection=full) \
         $(if $(IS_CLANG),,-ftrivial-auto-var-init=zero)
OPT.debug   := -Og -g3
OPT.release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.tsan    := -O1 -g -fsanitize=thread
OPT.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_ALL   = $(CSTD) $(WARN) $(HARD) $(OPT.$(BUILD)) -pthread $(CFLAGS)
LDFLAGS_ALL  = $(OPT.$(BUILD)) -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(LDFLAGS)
PGSQL_INC   := $(shell pg_config --includedir 2>/dev/null)
LIBXML2_INC := $(or $(shell pkg-config --variable=includedir libxml-2.0 2>/dev/null),/usr/include)/libxml2
SYSLIBS      = -lsqlite3 -lcrypto -lyaml -lcurl -ldl
PQLIB        = -lpq# state that several hubs share: likewise
AMQPLIB      = -lrabbitmq# the engines of the transport: never for the supervisor, the door or the spool

# ---------------------------------------------------------------- rooms: who may use whom (tests/check_includes enforces it)
ROOMS := base message routing config transport spool state journal plugin worker supervisor door console cli
DEPS.base       :=
DEPS.message    := base
DEPS.routing    := base
DEPS.transport  := base
DEPS.spool      := transport base
DEPS.state      := base
DEPS.journal    := base
DEPS.plugin     := message base
DEPS.config     := routing base
DEPS.supervisor := base
DEPS.door       := base
DEPS.worker     := plugin transport routing message state journal config base
DEPS.console    := supervisor transport journal base
DEPS.cli        := console worker supervisor plugin spool transport config routing message state journal base
MAINS     := $(wildcard core/*/main_*.c)
lib_of     = $(patsubst %,$O/core/lib%.a,$1)
ROOM_LIBS := $(call lib_of,$(ROOMS))

PROGRAMS := $O/reeve $O/reeve-worker $O/reeve-door $O/reeve-spool
MODULES  := $(patsubst %/,%,$(filter-out %/lib/,$(wildcard plugins/*/ adapters/*/)))
MODULES  := $(foreach m,$(MODULES),$(if $(wildcard $m/*.c),$m))
SO       := $(foreach m,$(MODULES),$O/$m.so)
-include $(wildcard $(addsuffix /module.mk,$(MODULES)))   # sets LIBS.<module>, EXTRA.<module>: sources besides its folder's; adds to ALSO_ADAPTER
ALSO     := $(foreach m,$(ALSO_ADAPTER),adapters/$(notdir $m).so)# plugins that are adapters, too: found under both names

# ---------------------------------------------------------------- building
all: $(PROGRAMS) $(SO) $(addprefix $O/,$(ALSO)) current ## build everything (BUILD=debug|release|asan|tsan, W=1: warnings are errors, V=1)

ifeq ($O,build/$(BUILD))
current: $(PROGRAMS) $(SO) ; $Q for p in $(PROGRAMS); do ln -sfn "$(BUILD)/$${p##*/}" "build/$${p##*/}"; done; \
	ln -sfn "$(BUILD)/plugins" build/plugins; ln -sfn "$(BUILD)/adapters" build/adapters
else
current: ;
endif

$O/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$Q$(CC) $(CFLAGS_ALL) $(PIC) -MMD -MP -c -o $@ $<
$O/core/%.o: PIC := -fPIE
$O/tests/%.o: PIC := -fPIE
$O/plugins/%.o $O/adapters/%.o: PIC := -fPIC
$O/adapters/%.o: CSTD += -Iadapters
$O/plugins/%.o: CSTD += -Iplugins
$O/core/state/%.o $O/core/state/%.hok $O/tests/lib/%.o $O/tests/unit/state/%.o $O/tests/conformance/state/%.o $O/contrib/bench/bench_state.o: CSTD += -isystem $(PGSQL_INC)

$O/core/console/assets.o: $(addprefix core/console/,style.css app.js icon.svg) # put in by the assembler

define ROOM
OBJ.$1 := $$(patsubst %.c,$O/%.o,$$(filter-out $$(MAINS),$$(wildcard core/$1/*.c)))
$O/core/lib$1.a: $$(OBJ.$1) ; @mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
lib-$1: $O/core/lib$1.a
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM,$r)))

LINK = $(call say,LINK,$(@F)) ; $(CC) -pie $(LDFLAGS_ALL)
$O/reeve: $O/core/cli/main_reeve.o $(call lib_of,cli supervisor base)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS)
$O/reeve-worker: $O/core/cli/main_reeve_worker.o $(call lib_of,cli console worker supervisor plugin config routing spool transport state journal message base) core/reeve.syms
	$Q$(CC) -pie $(LDFLAGS_ALL) -Wl,--dynamic-list=core/reeve.syms -o $@ $(filter %.o,$^) \
	  -Wl,--whole-archive $(call lib_of,plugin cli worker) -Wl,--no-whole-archive $(filter-out $(call lib_of,plugin cli worker),$(filter %.a,$^)) $(call lib_of,base) $(SYSLIBS) $(AMQPLIB) $(PQLIB)
$O/reeve-spool: $O/core/spool/main_reeve_spool.o $(call lib_of,spool transport base)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS)
$O/reeve-door: $O/core/door/main_reeve_door.o $(call lib_of,door base)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS) -lmicrohttpd -lgnutls

ADAPTER_LIB := $(patsubst %.c,$O/%.o,$(wildcard adapters/lib/*.c))
define MODULE
$O/$1.so: $$(patsubst %.c,$O/%.o,$$(wildcard $1/*.c) $(EXTRA.$1)) $(if $(filter adapters/%,$1),$(ADAPTER_LIB)) core/plugin.syms
	$$Q$$(CC) -shared $$(LDFLAGS_ALL) -Wl,--version-script=core/plugin.syms,--gc-sections -o $$@ $$(filter %.o,$$^) $$(LIBS.$1)
endef
$(foreach m,$(MODULES),$(eval $(call MODULE,$m)))

$(addprefix $O/,$(ALSO)): $O/adapters/%.so: | $O/plugins/%.so
	@mkdir -p $(@D)
	$Q ln -sfn ../plugins/$(@F) $@

# ---------------------------------------------------------------- tests
TESTLIB := $(if $(wildcard tests/lib/*.c),$O/tests/libtest.a) # an archive: a test links what it uses
$O/tests/libtest.a: $(patsubst %.c,$O/%.o,$(wildcard tests/lib/*.c)) ; @rm -f $@; ar rcs $@ $^
UNIT    := $(patsubst %.c,$O/%,$(wildcard tests/unit/*/test_*.c))
# unit tests of a room see that room and what it may use; of an adapter or plugin: its objects and the host services
# host services as the worker exports them: the tests of room plugin load modules
EXPORTED = -Wl,--dynamic-list=core/reeve.syms -Wl,--whole-archive $(call lib_of,plugin) -Wl,--no-whole-archive
define UNITROOM
UNIT.$1 := $$(patsubst %.c,$O/%,$$(wildcard tests/unit/$1/test_*.c))
$$(UNIT.$1): $O/%: $O/%.o $$(TESTLIB) $$(call lib_of,$1 $(DEPS.$1))
	$$Q$$(CC) -pie $$(LDFLAGS_ALL) -o $$@ $$(if $$(filter plugin,$1),$$(EXPORTED)) $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(SYSLIBS) $$(AMQPLIB) $$(PQLIB) -lcmocka $$(if $$(filter door,$1),-lmicrohttpd -lgnutls)
unit-$1: $$(UNIT.$1) ; @bash tests/run_units $$^
endef
$(foreach r,$(ROOMS),$(eval $(call UNITROOM,$r)))
define UNITMODULE
UNIT.$1 := $$(patsubst %.c,$O/%,$$(wildcard tests/unit/$(subst /,-,$1)/test_*.c))
$$(UNIT.$1): $O/%: $O/%.o $$(patsubst %.c,$O/%.o,$$(wildcard $1/*.c) $(EXTRA.$1)) $(if $(filter adapters/%,$1),$(ADAPTER_LIB)) $$(TESTLIB) $$(call lib_of,plugin message base)
	$$Q$$(CC) -pie $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LIBS.$1) $$(SYSLIBS) -lcmocka
$O/tests/unit/$(subst /,-,$1)/%.o: CSTD += -I$1 -I$(dir $1)
unit-$(subst /,-,$1): $$(UNIT.$1) ; @bash tests/run_units $$^
endef
$(foreach m,$(MODULES),$(eval $(call UNITMODULE,$m)))
ADAPTERLIB_UNIT := $(patsubst %.c,$O/%,$(wildcard tests/unit/adapters-lib/test_*.c))
$(ADAPTERLIB_UNIT): $O/%: $O/%.o $(ADAPTER_LIB) $(TESTLIB) $(call lib_of,plugin message base)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYSLIBS) -lcmocka
$O/tests/unit/adapters-lib/%.o: CSTD += -Iadapters
unit-adapters-lib: $(ADAPTERLIB_UNIT) ; @bash tests/run_units $^

$O/tests/%.o: CSTD += -Itests

unit: $(UNIT) ## unit tests only (unit-ROOM for one room)
	@bash tests/run_units $^

CONFORMANCE      := $(patsubst %.c,$O/%,$(wildcard tests/conformance/test_*.c))
CONFORMANCE_AMQP := $(patsubst %.c,$O/%,$(wildcard tests/conformance/amqp/test_*.c)) # what only this engine has
CONFORMANCE_STATE := $(patsubst %.c,$O/%,$(wildcard tests/conformance/state/test_*.c)) # what only a shared store has
$(CONFORMANCE) $(CONFORMANCE_AMQP) $(CONFORMANCE_STATE): $O/%: $O/%.o $(TESTLIB) $(call lib_of,spool transport state journal message base)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYSLIBS) $(AMQPLIB) $(PQLIB) -lcmocka
ENGINES ?= spool amqp
conformance: $(addprefix conformance-,$(ENGINES)) conformance-state conformance-adapters ## the transport and state suites, every engine (ENGINES="spool" for one); published files beside what is known of them
conformance-spool: $(CONFORMANCE) $(PROGRAMS)
	@REEVE_BUILD=$(abspath $O) REEVE_ENGINE=spool bash tests/run_units $(CONFORMANCE)
conformance-amqp: $(CONFORMANCE) $(CONFORMANCE_AMQP) $(PROGRAMS)
	@if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then \
	  if [ -z "$$REEVE_RABBITMQ" ]; then \
	    export REEVE_RABBITMQ=$$(mktemp -d); trap 'contrib/servers/rabbitmq remove "$$REEVE_RABBITMQ"' EXIT; fi; \
	  REEVE_BUILD=$(abspath $O) REEVE_ENGINE=amqp RUN_SECONDS=900 bash tests/run_units $(CONFORMANCE_AMQP) $(CONFORMANCE); \
	else echo "SKIP: rabbitmq-server is not installed (contrib/setup test)"; fi

conformance-state: $(UNIT.state) $(CONFORMANCE_STATE) # on PostgreSQL; on SQLite it is unit-state
	@bash tests/with_postgresql bash tests/run_units $^

conformance-adapters: $(PROGRAMS) $(SO)
	@REEVE_BUILD=$(abspath $O) /usr/bin/python3 tests/system/conformance.py

PYTEST ?= /usr/bin/python3 -m pytest
PYTEST_ARGS ?= -q
# most system tests wait more than they compute: several at once, where pytest-xdist is installed
SPREAD ?= $(if $(wildcard /usr/lib/python3/dist-packages/xdist),-n 2)
PYTEST_DIRS ?= tests/system tests/crash
pytest: all ## whole-program tests (PYTEST_ARGS="-k name")
	REEVE_BUILD=$(abspath $O) $(PYTEST) $(PYTEST_ARGS) $(PYTEST_DIRS)

CAMPAIGN_ARGS ?= -q -s
define CAMPAIGN # figures' file, tests
	@rm -f $O/$1.md
	@REEVE_BUILD=$(abspath $O) REEVE_FIGURES=$(abspath $O)/$1.md REEVE_CAMPAIGN=full $(PYTEST) $(CAMPAIGN_ARGS) $2; \
	r=$$?; echo; echo '| campaign | what | measured |'; echo '|---|---|---|'; cat $O/$1.md; exit $$r
endef
campaign: all ## the loss, fault, isolation, reload and soak campaigns at full size (tests/README.md; about two hours)
	$(call CAMPAIGN,campaign,tests/crash/test_campaign_*.py)
loss-matrix: all ## every fault of the amqp transport under load, at full size (tests/README.md; about three quarters of an hour)
	$(call CAMPAIGN,matrix,tests/crash/test_loss_matrix.py)
soak: all ## the soak alone at full size (about half an hour each; ENGINES="amqp" for one)
	$(call CAMPAIGN,soak,$(addprefix tests/crash/test_campaign_soak.py::test_a_long_time_of_faults_leaves_everything_flat_on_,$(ENGINES)))

check-headers: $(patsubst %.h,$O/%.hok,$(wildcard core/*/*.h core/include/reeve/*.h)) ## every header compiles alone
$O/%.hok: %.h
	@mkdir -p $(@D)
	$Q$(CC) $(CSTD) $(WARN) -fsyntax-only -x c -include $< /dev/null && touch $@
check-style: ## include directions, banned calls, licence lines, formatting
	@bash tests/check_style

BESIDE := conformance-servers crash # what mostly waits: for servers, or for processes that are killed
test: all check-headers check-style ## everything a contributor runs before a commit
	@$(MAKE) --no-print-directory unit conformance-spool
	@$(MAKE) --no-print-directory test-whole

conformance-servers: conformance-amqp conformance-state
crash: PYTEST_DIRS = tests/crash
crash: pytest
test-whole: all # beside each other, their output one after the other
	@r=0; pids=; for t in $(BESIDE); do $(MAKE) --no-print-directory $$t >$O/$$t.log 2>&1 & pids="$$pids $$!"; done; \
	$(MAKE) --no-print-directory pytest PYTEST_DIRS=tests/system PYTEST_ARGS="$(PYTEST_ARGS) $(SPREAD)" || r=1; \
	for p in $$pids; do wait $$p || r=1; done; cat $(patsubst %,$O/%.log,$(BESIDE)); exit $$r

# ---------------------------------------------------------------- fuzzing (clang)
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 20
ifeq ($(BUILD),fuzz)
$O/tests/fuzz/%.o: CSTD += -Iadapters
FUZZ_ROOMS.fuzz_json      := base
FUZZ_ROOMS.fuzz_frame     := base
FUZZ_ROOMS.fuzz_cloudevents := message base
FUZZ_ROOMS.fuzz_control   := supervisor base
FUZZ_ROOMS.fuzz_door      := door base
FUZZ_ROOMS.fuzz_view      := supervisor base
FUZZ_ROOMS.fuzz_trace     := message base
FUZZ_ROOMS.fuzz_console   := console base
FUZZ_ROOMS.fuzz_cesql     := routing base
FUZZ_ROOMS.fuzz_config    := config routing base
FUZZ_ROOMS.fuzz_spool     := spool transport base
FUZZ_ROOMS.fuzz_amqp_marks := transport base
FUZZ_ROOMS.fuzz_360giving := plugin message base
FUZZ_OBJ.fuzz_360giving   := $(patsubst %.c,$O/%.o,$(wildcard adapters/360giving/*.c adapters/lib/*.c))
FUZZ_ROOMS.fuzz_iati      := plugin message base
FUZZ_OBJ.fuzz_iati        := $(patsubst %.c,$O/%.o,$(wildcard adapters/iati/*.c adapters/lib/*.c))
FUZZ_LIBS.fuzz_iati       := $(LIBS.adapters/iati)
FUZZ_ROOMS.fuzz_ocds      := plugin message base
FUZZ_OBJ.fuzz_ocds        := $(patsubst %.c,$O/%.o,$(wildcard adapters/ocds/*.c adapters/lib/*.c))
FUZZ_ROOMS.fuzz_spend_csv := plugin message base
FUZZ_OBJ.fuzz_spend_csv   := $(patsubst %.c,$O/%.o,$(wildcard adapters/spend-csv/*.c adapters/lib/*.c))
FUZZ_OBJ.fuzz_csv         := $(patsubst %,$O/adapters/lib/%.o,csv csv_bytes print utf8)
FUZZ_ROOMS.fuzz_json_node := base
FUZZ_OBJ.fuzz_json_node   := $(patsubst %,$O/adapters/lib/%.o,json_node json_key utf8)
FUZZ_ROOMS.fuzz_amqp      := plugin message base
FUZZ_OBJ.fuzz_amqp        := $(patsubst %,$O/plugins/amqp/%.o,text field event)
FUZZ_LIBS.fuzz_amqp       := $(LIBS.plugins/amqp)
$O/tests/fuzz/fuzz_amqp.o: CSTD += -Iplugins/amqp -Iplugins
FUZZ_OBJ.fuzz_fetch       := $O/plugins/fetch/url.o
FUZZ_LIBS.fuzz_fetch      := $(LIBS.plugins/fetch)
$O/tests/fuzz/fuzz_fetch.o: CSTD += -Iplugins/fetch
FUZZ_OBJ.fuzz_exec        := $(patsubst %,$O/plugins/exec/%.o,lines said said_more)
FUZZ_LIBS.fuzz_exec       := $(LIBS.plugins/exec)
$O/tests/fuzz/fuzz_exec.o: CSTD += -Iplugins/exec
define FUZZTARGET
$O/tests/fuzz/$1: $O/tests/fuzz/$1.o $$(FUZZ_OBJ.$1) $$(call lib_of,$$(FUZZ_ROOMS.$1))
	$$Q$$(CC) -fsanitize=fuzzer $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(if $$(FUZZ_OBJ.$1),-lm) $$(FUZZ_LIBS.$1) $$(SYSLIBS) $$(AMQPLIB) $$(PQLIB)
endef
$(foreach f,$(FUZZ),$(eval $(call FUZZTARGET,$f)))
fuzz-targets: $(addprefix $O/tests/fuzz/,$(FUZZ))
fuzz-run: fuzz-targets
	@bash tests/run_fuzz $(FUZZ_SECONDS) $(addprefix $O/tests/fuzz/,$(FUZZ))
endif
fuzz-build: ## every fuzz target built, none run
	@$(MAKE) --no-print-directory BUILD=fuzz CC=clang fuzz-targets
fuzz: ## every fuzz target for FUZZ_SECONDS each (needs clang)
	@$(MAKE) --no-print-directory BUILD=fuzz CC=clang fuzz-run

# ---------------------------------------------------------------- running and benches
demo: ## the sample hub: set up, build, run, push, route, explain (ONCE=1, FILE=x.json, TRANSPORT=amqp)
	@bash contrib/setup build
	@$(MAKE) --no-print-directory all
	@REEVE_BUILD=$(abspath $O) ONCE="$(ONCE)" FILE="$(FILE)" TRANSPORT="$(TRANSPORT)" /usr/bin/python3 contrib/demo/demo.py

$O/contrib/bench/%.o: CSTD += -Itests
$O/contrib/bench/bench_iati: $(patsubst %.c,$O/%.o,$(wildcard adapters/iati/*.c)) $(ADAPTER_LIB)
$O/contrib/bench/bench_csv: $(patsubst %.c,$O/%.o,$(wildcard adapters/360giving/*.c)) $(ADAPTER_LIB)
$O/contrib/bench/bench_exec: $(patsubst %.c,$O/%.o,$(wildcard plugins/exec/*.c))
$O/contrib/bench/bench_exec.o: CSTD += -DEXAMPLES='"$(abspath plugins/exec/examples)"'
$O/contrib/bench/bench_iati.o: CSTD += -isystem $(LIBXML2_INC)
BENCH := $(patsubst contrib/bench/%.c,%,$(wildcard contrib/bench/bench_*.c))
$(addprefix $O/contrib/bench/,$(BENCH)): $O/%: $O/%.o $(ROOM_LIBS) $(TESTLIB)
	$Q$(CC) -pie $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -ljson-c $(SYSLIBS) $(AMQPLIB) $(PQLIB) -lmicrohttpd -lgnutls -lssl -lxml2 -lcsv -lm
benches: $(addprefix $O/contrib/bench/,$(BENCH))
bench: ## performance as ratios to a bare loop over the same library (release build; ONLY="amqp door")
	@$(MAKE) --no-print-directory BUILD=release all benches
	@REEVE_BUILD=$(abspath build/release) /usr/bin/python3 contrib/bench/bench.py $(ONLY)

# ---------------------------------------------------------------- installing
install: all ## DESTDIR= PREFIX=
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir) $(DESTDIR)$(moduledir)/plugins $(DESTDIR)$(moduledir)/adapters \
	  $(DESTDIR)$(includedir)/reeve $(DESTDIR)$(pkgdir) $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(datadir)
	install -m 755 $O/reeve contrib/reeve-push/reeve-push $(DESTDIR)$(bindir)/
	install -m 755 $O/reeve-worker $O/reeve-door $O/reeve-spool $(DESTDIR)$(libexecdir)/
	install -m 644 $(filter $O/plugins/%,$(SO)) $(DESTDIR)$(moduledir)/plugins/
	install -m 644 $(filter $O/adapters/%,$(SO)) $(DESTDIR)$(moduledir)/adapters/
	for a in $(notdir $(ALSO)); do ln -sfn ../plugins/$$a $(DESTDIR)$(moduledir)/adapters/$$a; done
	install -m 644 core/include/reeve/plugin.h $(DESTDIR)$(includedir)/reeve/
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|g' contrib/reeve.pc.in > $(DESTDIR)$(pkgdir)/reeve.pc
	cp -r contrib/template $(DESTDIR)$(datadir)/
	install -d $(DESTDIR)$(datadir)/hub/examples
	install -m 644 adapters/hub/*.json adapters/hub/*.md $(DESTDIR)$(datadir)/hub/
	install -m 644 adapters/hub/examples/*.json $(DESTDIR)$(datadir)/hub/examples/
	install -d $(DESTDIR)$(datadir)/exec/examples
	install -m 644 plugins/exec/PROTOCOL.md $(DESTDIR)$(datadir)/exec/
	install -m 755 plugins/exec/examples/* $(DESTDIR)$(datadir)/exec/examples/
	install -d $(DESTDIR)$(datadir)/profiles
	install -m 644 config/profiles/*-publisher.yaml $(DESTDIR)$(datadir)/profiles/
	install -d $(addprefix $(DESTDIR),$(unitdir) $(sysusersdir) $(tmpfilesdir) $(zshdir)) \
	  $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions fish/vendor_completions.d)
	sed -e 's|@BINDIR@|$(bindir)|g' contrib/systemd/reeve.service > $(DESTDIR)$(unitdir)/reeve.service
	install -m 644 contrib/systemd/reeve.sysusers $(DESTDIR)$(sysusersdir)/reeve.conf
	install -m 644 contrib/systemd/reeve.tmpfiles $(DESTDIR)$(tmpfilesdir)/reeve.conf
	$O/reeve completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/reeve
	$O/reeve completion zsh > $(DESTDIR)$(zshdir)/_reeve
	$O/reeve completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/reeve.fish
	install -d $(addprefix $(DESTDIR)$(mandir)/,man1 man5 man8)
	$(foreach s,1 5 8,install -m 644 contrib/man/*.$s $(DESTDIR)$(mandir)/man$s/ &&) true
	while read -r link page; do echo ".so man1/$$page" > $(DESTDIR)$(mandir)/man1/$$link; done < contrib/man/links
	$(foreach p,$(wildcard plugins/*/*.7 adapters/*/*.7),install -m 644 $p $(DESTDIR)$(mandir)/man7/ &&) true

deb: ## Debian packages, build/reeve_VERSION_ARCH.deb (needs debhelper)
	@bash contrib/package

clean: ## remove build/
	rm -rf build
format: ; clang-format -i $$(git ls-files '*.c' '*.h')
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n",$$1,$$2}' Makefile

.PHONY: all current unit conformance conformance-spool conformance-amqp conformance-adapters pytest crash test-whole conformance-servers campaign loss-matrix soak check-headers check-style test fuzz fuzz-build fuzz-targets fuzz-run demo bench benches install deb clean format help
.SECONDARY:
-include $(shell find $O -name '*.d' 2>/dev/null)
