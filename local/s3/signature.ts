/**
 * Checks the signature of an S3 request, in its query (presigned) or its Authorization header. What was signed is what
 * arrived: method, path, query, and the signed headers, so a presigned upload with a signed length holds for that length only.
 * Source: "Signature Version 4" in the Amazon S3 API reference.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export interface Credentials {
  readonly access_key_id: string
  readonly secret_access_key: string
}

export interface SignedRequest {
  readonly method: string
  /** Path and query as they came over the wire. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
}

/** S3's error code, or that all is well. */
export type Verdict = 'ok' | 'AccessDenied' | 'InvalidAccessKeyId' | 'SignatureDoesNotMatch' | 'RequestTimeTooSkewed'

interface Claim {
  readonly access_key_id: string
  /** `<date>/<region>/s3/aws4_request` */
  readonly scope: string
  readonly signed_headers: readonly string[]
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ` */
  readonly at: string
  readonly valid_s: number
  readonly payload_hash: string
  readonly presigned: boolean
}

/** How far a signed request's own time may be off. */
const skew_s_max = 900
const presigned_s_max = 604_800

const splitCredential = (credential: string): readonly [string, string] => {
  const slash = credential.indexOf('/')
  return [credential.slice(0, slash), credential.slice(slash + 1)]
}

const fromQuery = (query: URLSearchParams): Claim | undefined => {
  const signature = query.get('X-Amz-Signature')
  if (signature === null) return undefined
  const [access_key_id, scope] = splitCredential(query.get('X-Amz-Credential') ?? '')
  return {
    access_key_id,
    scope,
    signature,
    signed_headers: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    at: query.get('X-Amz-Date') ?? '',
    valid_s: Math.min(Number(query.get('X-Amz-Expires') ?? 0), presigned_s_max),
    payload_hash: query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    presigned: true,
  }
}

const fromHeader = (headers: IncomingHttpHeaders): Claim | undefined => {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(headers.authorization ?? '')
  const [, credential, signed, signature] = match ?? []
  if (credential === undefined || signed === undefined || signature === undefined) return undefined
  const [access_key_id, scope] = splitCredential(credential)
  return {
    access_key_id,
    scope,
    signature,
    signed_headers: signed.split(';'),
    at: String(headers['x-amz-date'] ?? ''),
    valid_s: skew_s_max,
    payload_hash: String(headers['x-amz-content-sha256'] ?? ''),
    presigned: false,
  }
}

const encode = (text: string) => encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

const canonicalQuery = (query: URLSearchParams) =>
  [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&')

const canonicalRequest = (request: SignedRequest, path: string, query: URLSearchParams, claim: Claim): string => {
  const headers = claim.signed_headers
    .map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replaceAll(/ +/g, ' ')}\n`,
    )
    .join('')
  return [request.method, path, canonicalQuery(query), headers, claim.signed_headers.join(';'), claim.payload_hash].join('\n')
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

const signatureOf = (secret: string, claim: Claim, canonical: string): Buffer => {
  const key = claim.scope.split('/').reduce<string | Buffer>((derived, part) => hmac(derived, part), `AWS4${secret}`)
  const hashed = createHash('sha256').update(canonical).digest('hex')
  return hmac(key, ['AWS4-HMAC-SHA256', claim.at, claim.scope, hashed].join('\n'))
}

const signedAt = (at: string): number => Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

const timeVerdict = (claim: Claim, now_ms: number): Verdict => {
  const age_s = (now_ms - signedAt(claim.at)) / 1_000
  if (Number.isNaN(age_s) || age_s < -skew_s_max) return claim.presigned ? 'AccessDenied' : 'RequestTimeTooSkewed'
  if (age_s > claim.valid_s) return claim.presigned ? 'AccessDenied' : 'RequestTimeTooSkewed'
  return 'ok'
}

export const verifySignature = (request: SignedRequest, credentials: Credentials, now_ms: number): Verdict => {
  const [path = '', search = ''] = request.target.split('?', 2)
  const query = new URLSearchParams(search)
  const claim = fromQuery(query) ?? fromHeader(request.headers)
  if (claim === undefined) return 'AccessDenied'
  if (claim.access_key_id !== credentials.access_key_id) return 'InvalidAccessKeyId'
  if (!claim.signed_headers.includes('host')) return 'AccessDenied'
  const expected = signatureOf(credentials.secret_access_key, claim, canonicalRequest(request, path, query, claim))
  const given = Buffer.from(claim.signature, 'hex')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'SignatureDoesNotMatch'
  return timeVerdict(claim, now_ms)
}
