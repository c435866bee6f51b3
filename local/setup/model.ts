/** Which model agents talk to: the real one where there is a key for it, else a scripted one on this machine. */
import { randomUUID } from 'node:crypto'
import { startScriptedModel } from '../scripted-model/server.ts'

export interface Model {
  /** What to tell the user. */
  readonly label: string
  /** Values of the template's parameters. */
  readonly parameters: Readonly<Record<string, string>>
  /** What the runner's container gets in the place of its secrets, by environment name. */
  readonly secrets: Readonly<Record<string, string>>
  /** What the runner's container gets beside the task definition. The agent sees none of either. */
  readonly environment: Readonly<Record<string, string>>
  close(): Promise<void>
}

type Env = Readonly<Record<string, string | undefined>>

/** What the trusted runner needs to sign for Bedrock. */
const bedrock_names = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME']

const pick = (env: Env, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )

export const chooseModel = async (env: Env): Promise<Model> => {
  const close = async () => undefined
  if (env['CLAUDE_CODE_USE_BEDROCK'] === '1') {
    const environment = pick(env, bedrock_names)
    return {
      label: `Bedrock in ${environment['AWS_REGION'] ?? 'no region: set AWS_REGION'}`,
      parameters: { ModelProvider: 'bedrock' },
      secrets: {},
      environment,
      close,
    }
  }
  const secrets = pick(env, ['ANTHROPIC_API_KEY'])
  const environment = pick(env, ['ANTHROPIC_AUTH_TOKEN'])
  if (Object.keys(secrets).length + Object.keys(environment).length > 0) {
    const base_url = env['ANTHROPIC_BASE_URL'] ?? ''
    const label = base_url === '' ? 'Anthropic API' : `the model at ${base_url}`
    return { label, parameters: { ModelProvider: 'anthropic', AnthropicBaseUrl: base_url }, secrets, environment, close }
  }
  const scripted = await startScriptedModel()
  return {
    label: 'SCRIPTED: canned answers from this machine, no model is called. Set ANTHROPIC_API_KEY to talk to the real one',
    parameters: { ModelProvider: 'anthropic', AnthropicBaseUrl: scripted.url },
    // A secret like any other, so it must not be a word that agents say: secrets are redacted.
    secrets: { ANTHROPIC_API_KEY: `no-key-${randomUUID()}` },
    environment: {},
    close: scripted.close,
  }
}
