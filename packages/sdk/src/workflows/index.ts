export { WorkflowRegistry } from './registry.ts';
export { type Transaction, type TransactionOptions, transaction } from './transaction.ts';
export {
  type ForkOptions,
  type Goto,
  type GotoOptions,
  type JsonValue,
  type SendEventOptions,
  type StartOptions,
  type StepDefinitions,
  type StepFunction,
  type StepOptions,
  type StepTools,
  TerminalError,
  type Wait,
  type WaitForEventOptions,
  type WorkflowOptions,
  type WorkflowState,
} from './types.ts';
export { Workflow } from './workflow.ts';
