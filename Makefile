# Commands of the project. Each is short and also works without make.

STAGE ?= default
FUNCTION ?= list_food
EVENT ?= events/$(FUNCTION).json
ENGINES ?= .local/events/env
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Arguments of `sam` and `aws`: the function's logical id and the name of the stack.
LOGICAL_ID = $(shell python3 -c 'print("$(FUNCTION)".title().replace("_", "") + "Function")')
STACK = $(shell sed -n '/^\[$(STAGE).global/,/^stack_name/s/^stack_name = "\(.*\)"/\1/p' samconfig.toml)

# cargo-lambda looks for zig on the PATH.
LAMBDA = PATH="$$(.ci/tools cargo-lambda ziglang):$$PATH" cargo lambda
SAM = PATH="$$(.ci/tools):$$PATH" SAM_CLI_TELEMETRY=0 sam
BUILD = build --release --locked --package functions
BENCH = cargo run --profile driver --locked --package bench --bin

.DEFAULT_GOAL := help
.PHONY: help run engines test test-slow test-faults test-crash test-soak test-arm64 check fuzz bench-cold bench-guard bench-record charts costs tools build build-x86 sizes watch invoke local-invoke validate template deploy-first deploy rotate logs destroy

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'FUNCTION=login selects the function of invoke, local-invoke and logs, EVENT=events/login.json its event;'
	@echo 'STAGE=prod selects the section of samconfig.toml for deploy, rotate, logs and destroy.'

run: ## run the API on this machine: http://127.0.0.1:8888
	cargo run -p local

engines: ## run local DynamoDB and S3 with the data for events/; used by watch, invoke and local-invoke
	cargo run -p local -- --engines-only --seed-fixtures --data-dir .local/events

test: ## run the unit, contract, event and end-to-end tests: about a minute after compiling
	cargo test --workspace

test-slow: ## run the tests that take minutes: fault injection, timing, crashes, load
	cargo test --workspace --test slow

check: ## run all checks of CI
	.ci/run

bench-cold: ## measure cold starts and warm calls of all functions, compared with three programs (docs/PERFORMANCE.md)
	cargo $(BUILD)
	cargo build --release --locked --manifest-path tools/bench/yardsticks/Cargo.toml --target-dir $(TARGET)/yardsticks
	$(BENCH) cold -- --functions $(TARGET)/release --yardsticks $(TARGET)/yardsticks/release $(ARGS) >$(TARGET)/bench-cold.md
	@cat $(TARGET)/bench-cold.md
	-tools/bench/charts.py --table $(TARGET)/bench-cold.md

bench-guard: ## fail if a function's size or instruction count exceeds tools/bench/recorded.json
	.ci/guard

bench-record: ## update tools/bench/recorded.json
	.ci/guard --write

charts: ## draw the charts in docs/images from docs/PERFORMANCE.md and the cost model
	tools/bench/charts.py

costs: ## compute the cost tables in docs/COSTS.md
	tools/bench/costs.py --write

test-faults: ## inject every fault into every backend call of every function, and print the outcomes
	cargo test --workspace --test slow -- fault:: --nocapture

test-crash: ## kill the local server 20 times during writes and starts, and check its data; CRASH_KILLS=200 for more
	cargo test --package local --test slow -- crash --nocapture

test-soak: ## call all routes of the local server concurrently; LOAD_SECONDS=600 and LOAD_CLIENTS=16 for more
	cargo test --profile driver --package local --test slow -- load --nocapture

test-arm64: ## build the packages for arm64 and run the functions in them on QEMU (needs x86-64 and apt)
	.ci/arm64

fuzz: ## fuzz each target of tools/fuzz for ten minutes (needs a nightly toolchain)
	.ci/fuzz $(ARGS)

tools: ## install cargo-lambda, zig, the SAM CLI and cfn-lint in the target folder: about four minutes
	.ci/tools
	rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu

build: ## build the Lambda packages for arm64: target/lambda/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --arm64 --output-format zip

build-x86: ## build the Lambda packages for x86-64: target/lambda-x86/NAME/bootstrap.zip
	$(LAMBDA) $(BUILD) --x86-64 --output-format zip --lambda-dir $(TARGET)/lambda-x86

sizes: ## print the sizes of the packages from the last build
	@python3 .ci/sizes.py $(TARGET)/lambda

watch: ## run the functions on this machine and rebuild them after changes: http://127.0.0.1:9000
	$(LAMBDA) watch --package functions --invoke-address 127.0.0.1 $(if $(wildcard $(ENGINES)),--env-file $(ENGINES))

invoke: ## send an event to a function of `make watch`
	$(LAMBDA) invoke --invoke-address 127.0.0.1 $(FUNCTION) --data-file $(EVENT)

local-invoke: ## run a function with an event in Lambda's container image (needs Docker)
	$(SAM) build $(LOGICAL_ID)
	"$$(.ci/tools aws-sam-cli)/python" .ci/local-template.py .aws-sam/build
	. ./$(ENGINES) && AWS_DEFAULT_REGION=us-east-1 $(SAM) local invoke $(LOGICAL_ID) \
	  --template-file .aws-sam/build/local.yaml --event $(EVENT) --env-vars $(ENGINES).json --docker-network host

validate: ## validate template.yaml without an AWS account
	.ci/validate-template

template: ## validate template.yaml and update tests/template
	.ci/validate-template --write

deploy-first: validate ## create the stack, without deletion protection; then `make deploy` (see docs/DEPLOY.md)
	$(SAM) build --config-env $(STAGE)
	sed 's/DeletionProtection=true/DeletionProtection=false/' samconfig.toml >.aws-sam/first.toml
	$(SAM) deploy --config-file $(CURDIR)/.aws-sam/first.toml --config-env $(STAGE)

deploy: validate ## build and deploy with your AWS credentials; shows the changes and asks for confirmation
	$(SAM) build --config-env $(STAGE)
	$(SAM) deploy --config-env $(STAGE)

rotate: ## rotate the signing secrets without revoking sessions; a week later again with FINISH=--finish
	"$$(.ci/tools aws-sam-cli)/python" scripts/rotate-secrets.py $(STACK) $(FINISH)

logs: ## follow the log of a function
	$(SAM) logs --config-env $(STAGE) --name $(LOGICAL_ID) --tail

destroy: ## delete the stack; keeps tables and images (see docs/DEPLOY.md)
	@echo 'This deletes the stack $(STACK): the API, its functions, logs, alarms, secrets and CDN.'
	@echo 'It keeps the tables and the bucket of images; docs/DEPLOY.md, "Tear down", explains how to delete those.'
	$(SAM) delete --config-env $(STAGE)
