/** Where the model is and how a request proves that it may be asked: an API key, or a signature for Bedrock. */
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import type { ModelSettings } from '../settings.ts'
import type { HeldCredentials } from './credentials.ts'

export interface ModelRequest {
  /** With the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}
export interface SignedRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Upstream {
  readonly provider: 'anthropic' | 'bedrock'
  /** Where Bedrock is asked: the agent names its models by it. */
  readonly region?: string
  /** The model that a request asks for, if it is one that may be passed on; undefined if it is not. */
  modelOf(method: string, path: string, body: Uint8Array): string | undefined
  sign(request: ModelRequest): Promise<SignedRequest>
}

const modelInBody = (body: Uint8Array): string => {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString())
    return typeof parsed === 'object' && parsed !== null && 'model' in parsed && typeof parsed.model === 'string' ? parsed.model : 'unknown'
  } catch {
    return 'unknown'
  }
}

const anthropic_paths = ['/v1/messages', '/v1/messages/count_tokens']

const anthropic = ({ api_key, auth_token, base_url }: ModelSettings): Upstream => ({
  provider: 'anthropic',
  modelOf: (method, path, body) => (method === 'POST' && anthropic_paths.includes(path) ? modelInBody(body) : undefined),
  sign: async ({ path, headers }) => {
    const credential: Record<string, string> =
      api_key !== undefined ? { 'x-api-key': api_key } : auth_token !== undefined ? { authorization: `Bearer ${auth_token}` } : {}
    return { url: `${base_url.replace(/\/+$/, '')}${path}`, headers: { ...headers, ...credential } }
  },
})

const bedrock_path = /^\/model\/([^/]+)\/(?:invoke|invoke-with-response-stream|count-tokens)$/

interface BedrockCredentials {
  readonly region: string
  readonly access_key_id: string
  readonly secret_access_key: string
  readonly session_token?: string | undefined
}

/** @param newest asked for each request: an attempt may outlive the credentials that it began with */
const bedrock = (region: string, newest: () => BedrockCredentials, bedrock_url: string | undefined): Upstream => {
  const base = new URL(bedrock_url ?? `https://bedrock-runtime.${region}.amazonaws.com`)
  const signer = new SignatureV4({
    service: 'bedrock',
    region,
    sha256: Sha256,
    credentials: async () => {
      const { access_key_id, secret_access_key, session_token } = newest()
      return { accessKeyId: access_key_id, secretAccessKey: secret_access_key, ...(session_token === undefined ? {} : { sessionToken: session_token }) }
    },
  })
  return {
    provider: 'bedrock',
    region,
    modelOf: (method, path) => {
      const model = method === 'POST' ? bedrock_path.exec(path)?.[1] : undefined
      return model === undefined ? undefined : decodeURIComponent(model)
    },
    sign: async ({ path, headers, body }) => {
      const accepted: Record<string, string> = Object.fromEntries(Object.entries(headers).filter(([name]) => ['content-type', 'accept'].includes(name)))
      const signed = await signer.sign({
        method: 'POST',
        protocol: base.protocol,
        hostname: base.hostname,
        ...(base.port === '' ? {} : { port: Number(base.port) }),
        path,
        headers: { ...accepted, host: base.host },
        body,
      })
      const { host: _, ...sent } = signed.headers
      return { url: `${base.origin}${path}`, headers: sent }
    },
  }
}

/** The model of an attempt; undefined where Bedrock is wanted and nobody gave credentials for it. */
export const createUpstream = (settings: ModelSettings, credentials: HeldCredentials): Upstream | undefined => {
  const given = credentials.newest()
  if (given === undefined && settings.provider === 'anthropic') return anthropic(settings)
  const first = given ?? settings.bedrock
  return first === undefined ? undefined : bedrock(first.region, () => credentials.newest() ?? first, settings.bedrock_url)
}
