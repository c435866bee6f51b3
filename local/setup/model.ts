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
  /** What the runner's container gets beside the task definition, or in the place of what that says. The agent sees none of either. */
  readonly environment: Readonly<Record<string, string>>
  close(): Promise<void>
}

type Env = Readonly<Record<string, string | undefined>>

/** Without these the trusted runner cannot sign for Bedrock. */
const bedrock_needs = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
const bedrock_names = [...bedrock_needs, 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME']

const pick = (env: Env, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )

const close = async () => undefined

/**
 * Bedrock with the credentials that `npm start` was given. There is no STS here to vend each attempt its own, so the template's
 * ModelProvider, which would ask it, stays as it is, and the runner hears of Bedrock by its environment.
 */
const bedrock = (env: Env): Model => {
  const environment = pick(env, bedrock_names)
  const missing = bedrock_needs.filter((name) => environment[name] === undefined)
  if (missing.length > 0)
    throw new Error(
      `CLAUDE_CODE_USE_BEDROCK=1 needs ${missing.join(', ')} in the environment. Profiles, SSO and instance roles are not read here: ` +
        'eval "$(aws configure export-credentials --format env)" puts what they give there.',
    )
  const until = environment['AWS_SESSION_TOKEN'] === undefined ? '' : ', until its session ends: start again with fresh credentials then'
  const label = `Bedrock in ${environment['AWS_REGION']}, with the credentials of this environment${until}`
  return { label, parameters: {}, secrets: {}, environment: { ...environment, LANEKEEPER_MODEL_PROVIDER: 'bedrock' }, close }
}

/** @param parameters as the user gives them @throws with what is missing or not offered, where Bedrock is wanted */
export const chooseModel = async (env: Env, parameters: Readonly<Record<string, string>> = {}): Promise<Model> => {
  if (parameters['ModelProvider'] === 'bedrock')
    throw new Error('ModelProvider=bedrock has each attempt’s credentials vended by STS, which is not emulated here: set CLAUDE_CODE_USE_BEDROCK=1 instead')
  if (env['CLAUDE_CODE_USE_BEDROCK'] === '1') return bedrock(env)
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
