/**
 * What whoever deploys may choose, as CloudFormation parameters: the same knobs for `cdk deploy --parameters` and for the
 * local stack. They flow into the deployment settings of every function and into the environment of the runner.
 */
import { CfnCondition, CfnParameter, Fn } from 'aws-cdk-lib'
import { Construct } from 'constructs'
import { Deployment } from '../shared/settings.ts'

/** What the sandbox on Fargate enforces (docs/security.md). Parsed here, so that a wrong default fails at synth. */
const sandbox_default = Deployment.shape.sandbox.parse({ network: true, files: true, hint: '' })
const defaults = Deployment.parse({})

export class Parameters extends Construct {
  readonly model_provider: string
  /** Bedrock serves the model. */
  readonly on_bedrock: CfnCondition
  readonly anthropic_base_url: string
  readonly default_model: string
  /** Runners hang out doorbells. */
  readonly doorbells: CfnCondition
  /** Streams that may be open at once, as text; `0`: no limit of their own. */
  readonly max_streams: string
  /** JSON of `Deployment` with the parameters in it. */
  readonly deployment_json: string

  constructor(scope: Construct, id: string) {
    super(scope, id)
    const runners = this.add('Runners', {
      type: 'CommaDelimitedList',
      default: defaults.runners.join(','),
      description: 'Runners agents may use: claude_code, process',
    })
    const runtimes = this.add('RuntimeTypes', {
      type: 'CommaDelimitedList',
      default: 'gvisor',
      description: 'Values of policy.runtime_type that are accepted: gvisor, runc',
    })
    const model = this.add('DefaultModel', { default: defaults.default_model, description: 'Model of agents that name none' })
    const sandbox = this.add('SandboxJson', {
      default: JSON.stringify(sandbox_default),
      description: 'What the sandbox enforces: {"network", "files", "hint"}',
    })
    const numbers = this.numbers()
    const provider = this.add('ModelProvider', { default: 'anthropic', allowedValues: ['anthropic', 'bedrock'], description: 'Who serves the model' })
    const base_url = this.add('AnthropicBaseUrl', { default: '', description: "Address of the model; empty for the provider's own" })
    const max_streams = this.add('MaxStreams', {
      type: 'Number',
      default: '0',
      description: 'Streams of events open at once, out of the concurrency of the account, reserved for them; 0: not reserved, not limited',
    })
    const doorbells = this.add('Doorbells', {
      default: 'on',
      allowedValues: ['on', 'off'],
      description: 'Whether a runner keeps a connection over which it is told to look; off: it hears of inputs and cancels with its next heartbeat',
    })
    this.doorbells = new CfnCondition(this, 'DoorbellsOn', { expression: Fn.conditionEquals(doorbells, 'on') })
    this.max_streams = max_streams.valueAsString
    this.model_provider = provider.valueAsString
    this.on_bedrock = new CfnCondition(this, 'OnBedrock', { expression: Fn.conditionEquals(provider, 'bedrock') })
    this.anthropic_base_url = base_url.valueAsString
    this.default_model = model.valueAsString
    const list = (parameter: CfnParameter) => Fn.join('","', parameter.valueAsList)
    const head = '{"runners":["${Runners}"],"runtime_types":["${RuntimeTypes}"],"default_model":"${DefaultModel}","sandbox":${SandboxJson}'
    this.deployment_json = Fn.sub(`${[head, ...numbers].join(',')}}`, {
      Runners: list(runners),
      RuntimeTypes: list(runtimes),
      DefaultModel: model.valueAsString,
      SandboxJson: sandbox.valueAsString,
    })
  }

  /** The timings, each `"name":${Parameter}` for the settings. */
  private numbers(): string[] {
    const timings = [
      ['timeout_ms_max', 'TimeoutMsMax', 'Longest run, in milliseconds'],
      ['heartbeat_ms', 'HeartbeatMs', 'Between two heartbeats of a quiet runner'],
      ['lease_ms', 'LeaseMs', 'A runner not heard of for this long has lost its session'],
      ['launch_timeout_ms', 'LaunchTimeoutMs', 'From launch to claim'],
      ['stop_grace_ms', 'StopGraceMs', 'From the order to stop to SIGKILL'],
      ['question_grace_ms', 'QuestionGraceMs', 'How long an agent with an open question keeps its sandbox'],
      ['question_expires_ms', 'QuestionExpiresMs', 'An unanswered question counts as rejected after this long'],
      ['idle_ms', 'IdleMs', 'How long an interactive run that waits for input keeps its sandbox'],
      ['parked_ms_max', 'ParkedMsMax', 'A run that waits for input without a sandbox is over after this long'],
      ['max_live_attempts', 'MaxLiveAttempts', 'Attempts of all workspaces that may be live at once; 0: no ceiling'],
      ['failed_attempt_threshold', 'FailedAttemptThreshold', 'Attempts in a row that may fail before a class is degraded'],
    ] as const
    return timings.map(([field, name, description]) => {
      this.add(name, { type: 'Number', default: String(defaults[field]), description })
      return `"${field}":\${${name}}`
    })
  }

  /** A parameter with exactly this name, as the command line and the local stack say it. */
  private add(name: string, props: { type?: string; default: string; description: string; allowedValues?: string[] }): CfnParameter {
    const parameter = new CfnParameter(this, name, { type: 'String', ...props })
    parameter.overrideLogicalId(name)
    return parameter
  }
}
