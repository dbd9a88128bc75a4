# Everything here is a short command with its options in place; the commands work without make as well.

STAGE ?= default
FUNCTION ?= list_food
EVENT ?= events/$(FUNCTION).json
ENGINES ?= .local/events/env
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Of `sam` and `aws`: the logical id of a function and the name of the stack.
LOGICAL_ID = $(shell python3 -c 'print("$(FUNCTION)".title().replace("_", "") + "Function")')
STACK = $(shell sed -n '/^\[$(STAGE).deploy/,/^stack_name/s/^stack_name = "\(.*\)"/\1/p' samconfig.toml)

# cargo-lambda finds the zig beside it.
LAMBDA = PATH="$$(.ci/tools cargo-lambda ziglang):$$PATH" cargo lambda
SAM = PATH="$$(.ci/tools):$$PATH" SAM_CLI_TELEMETRY=0 sam
BUILD = build --release --locked --package functions
BENCH = cargo run --profile driver --locked --package bench --bin

.DEFAULT_GOAL := help
.PHONY: help run engines test test-slow test-faults test-crash test-soak check fuzz bench-cold guard record tools build build-x86 sizes watch invoke local-invoke validate template deploy rotate logs destroy

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'FUNCTION=login chooses the function of invoke, local-invoke and logs, EVENT=events/login.json its event;'
	@echo 'STAGE=prod chooses the part of samconfig.toml for deploy, rotate, logs and destroy.'

run: ## the whole API on this machine: http://127.0.0.1:8888
	cargo run -p local

engines: ## DynamoDB and S3 on this machine with what events/ expects, for watch, invoke and local-invoke
	cargo run -p local -- --engines-only --events --data-dir .local/events

test: ## unit, contract, event and end-to-end tests: two minutes after compiling
	cargo test --workspace

test-slow: ## the tests that take minutes: every fault of every function, comparisons of time, crashes, load
	cargo test --workspace --test slow

check: ## all that CI checks
	.ci/run

bench-cold: ## how the functions start and what they cost, beside three yardsticks (docs/PERFORMANCE.md)
	cargo $(BUILD)
	cargo build --release --locked --manifest-path tools/bench/yardsticks/Cargo.toml --target-dir $(TARGET)/yardsticks
	$(BENCH) cold -- --functions $(TARGET)/release --yardsticks $(TARGET)/yardsticks/release $(ARGS)

test-faults: ## fail every call of every function in every way, and print the outcomes
	cargo test --workspace --test slow -- all_faults --nocapture

test-crash: ## kill the local server 20 times while clients write or it starts, and check what it kept; CRASH_KILLS=200 for more
	cargo test --package local --test slow -- crash --nocapture

test-soak: ## use all routes of the local server at full speed; LOAD_SECONDS=600 and LOAD_CLIENTS=16 for more
	cargo test --profile driver --package local --test slow -- load --nocapture

fuzz: ## ten minutes for each target of tools/fuzz/ (needs a nightly toolchain)
	.ci/fuzz $(ARGS)

guard: ## fail where a function is larger, or takes more instructions to start, than tools/bench/recorded.json says
	.ci/guard

record: ## write down what `make guard` compares with
	.ci/guard --write

tools: ## install cargo-lambda, zig, the SAM CLI and cfn-lint into the build folder
	.ci/tools
	rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu

build: ## the packages for Lambda on arm64: target/lambda/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --arm64 --output-format zip

build-x86: ## the same for x86-64: target/lambda-x86/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --x86-64 --output-format zip --lambda-dir $(TARGET)/lambda-x86

sizes: ## how large the packages are that were built last
	@python3 .ci/sizes.py $(TARGET)/lambda

watch: ## the functions on this machine, built again when the code changes: http://127.0.0.1:9000
	$(LAMBDA) watch --package functions --invoke-address 127.0.0.1 $(if $(wildcard $(ENGINES)),--env-file $(ENGINES))

invoke: ## give a function that `make watch` serves an event
	$(LAMBDA) invoke --invoke-address 127.0.0.1 $(FUNCTION) --data-file $(EVENT)

local-invoke: ## give a function an event in the container that Lambda has (needs Docker)
	$(SAM) build $(LOGICAL_ID)
	"$$(.ci/tools aws-sam-cli)/python" .ci/local-template.py .aws-sam/build
	AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local-secret AWS_DEFAULT_REGION=us-east-1 $(SAM) local invoke $(LOGICAL_ID) \
	  --template-file .aws-sam/build/local.yaml --event $(EVENT) --env-vars $(ENGINES).json --docker-network host

validate: ## check template.yaml without an account
	.ci/validate-template

template: ## the same, and write down for the tests what it says
	.ci/validate-template --write

deploy: validate ## build and deploy to the account that your AWS credentials are of; asks before it changes anything
	$(SAM) build
	$(SAM) deploy --config-env $(STAGE)

rotate: ## make new signing secrets and sign with them, logging nobody out; FINISH=--finish ends it a week later
	"$$(.ci/tools aws-sam-cli)/python" .ci/rotate-secrets.py $(STACK) $(FINISH)

logs: ## what a function logs, as it happens
	$(SAM) logs --config-env $(STAGE) --name $(LOGICAL_ID) --tail

destroy: ## delete the stack; tables and images stay (README, "Tear down")
	@echo 'This deletes the stack $(STACK): the API, its functions, logs, alarms, secrets and CDN.'
	@echo 'It keeps the tables and the bucket of images. README, "Tear down", says how to delete those.'
	$(SAM) delete --config-env $(STAGE)
