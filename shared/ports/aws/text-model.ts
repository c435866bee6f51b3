/**
 * A model that answers one question with text, over the Messages API. Its key is read from Secrets Manager for each question, so a key
 * that is changed counts at once and is kept nowhere.
 */
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import * as z from 'zod'
import type { TextModel } from '../ports.ts'

export interface TextModelOptions {
  /** `bedrock` is not asked: the one role that may is for attempts. */
  readonly provider: string
  readonly base_url: string
  readonly model: string
  readonly secret_arn: string
  readonly region: string
  /** Of Secrets Manager, where it is not AWS's own. */
  readonly secrets_url?: string | undefined
  readonly credentials: { readonly access_key_id: string; readonly secret_access_key: string; readonly session_token?: string | undefined }
}

const answer_tokens_max = 400
const secret_timeout_ms = 3_000
const model_timeout_ms = 20_000
const default_base_url = 'https://api.anthropic.com'

const Secret = z.object({ SecretString: z.string().min(1) })
const Message = z.object({ model: z.string(), content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })) })

/** GetSecretValue, signed. @returns undefined where there is no such secret, or none that may be read */
const readSecret = async ({ region, secret_arn, secrets_url, credentials }: TextModelOptions): Promise<string | undefined> => {
  const url = new URL(secrets_url ?? `https://secretsmanager.${region}.amazonaws.com`)
  const body = JSON.stringify({ SecretId: secret_arn })
  const { access_key_id, secret_access_key, session_token } = credentials
  const signer = new SignatureV4({
    service: 'secretsmanager',
    region,
    sha256: Sha256,
    credentials: { accessKeyId: access_key_id, secretAccessKey: secret_access_key, ...(session_token === undefined ? {} : { sessionToken: session_token }) },
  })
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: '/',
    headers: { host: url.host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
    body,
  })
  const { host: _, ...sent } = headers
  const response = await fetch(url, { method: 'POST', headers: sent, body, signal: AbortSignal.timeout(secret_timeout_ms) })
  return response.ok ? Secret.safeParse(await response.json()).data?.SecretString : undefined
}

const not_configured = (message: string) => ({ ok: false, why: 'not_configured', message }) as const
const no_answer = (message: string) => ({ ok: false, why: 'unavailable', message }) as const

/** The model of this deployment. An answer of the model is never part of a message: it could hold anything. */
export const messagesModel = (options: TextModelOptions): TextModel => ({
  ask: async ({ system, message }) => {
    if (options.provider !== 'anthropic') return not_configured(`drafts need ModelProvider=anthropic; this deployment has ${options.provider}`)
    try {
      const key = await readSecret(options)
      if (key === undefined) return not_configured('there is no model key: put one into the secret ModelKeySecret')
      const response = await fetch(`${(options.base_url === '' ? default_base_url : options.base_url).replace(/\/+$/, '')}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': key },
        body: JSON.stringify({ model: options.model, max_tokens: answer_tokens_max, system, messages: [{ role: 'user', content: message }] }),
        signal: AbortSignal.timeout(model_timeout_ms),
      })
      if (response.status === 401 || response.status === 403) return not_configured('the model refused the key: put a good one into the secret ModelKeySecret')
      const parsed = response.ok ? Message.safeParse(await response.json()) : undefined
      if (parsed?.success !== true) return no_answer(`the model did not answer (${response.status}): try again`)
      return { ok: true, model: parsed.data.model, text: parsed.data.content.map(({ text }) => text ?? '').join('') }
    } catch {
      return no_answer('the model did not answer: try again')
    }
  },
})
