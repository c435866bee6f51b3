/** S3 over HTTP, path style, as far as Lanekeeper uses it: PUT, GET, HEAD and DELETE of an object, signed or presigned. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { HttpHandler } from '../net/listen.ts'
import type { Objects } from './objects.ts'
import { verifySignature, type Credentials } from './signature.ts'

export interface S3Settings {
  readonly objects: Objects
  /** Buckets of the template. */
  readonly buckets: ReadonlySet<string>
  readonly credentials: Credentials
  readonly now: () => number
}

/** S3: a single PUT takes 5 GiB. */
const bytes_max = 5 * 1_073_741_824

const statuses = {
  AccessDenied: 403,
  BadDigest: 400,
  EntityTooLarge: 400,
  IncompleteBody: 400,
  InvalidAccessKeyId: 403,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
} as const
type Code = keyof typeof statuses

const fail = (response: ServerResponse, code: Code) => {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`
  response.writeHead(statuses[code], { 'content-type': 'application/xml' }).end(body)
}

/** Bucket and key of a path, decoded; undefined if it is broken. */
const address = (target: string): { readonly bucket: string; readonly key: string } | undefined => {
  const [path = ''] = target.split('?', 1)
  const slash = path.indexOf('/', 1)
  if (slash < 0) return undefined
  try {
    return { bucket: decodeURIComponent(path.slice(1, slash)), key: decodeURIComponent(path.slice(slash + 1)) }
  } catch {
    return undefined
  }
}

const put = async (request: IncomingMessage, response: ServerResponse, at: { bucket: string; key: string }, objects: Objects) => {
  const { headers } = request
  if (headers['content-length'] === undefined) return fail(response, 'MissingContentLength')
  if (headers['content-encoding']?.includes('aws-chunked') === true) return fail(response, 'NotImplemented')
  const bytes = Number(headers['content-length'])
  if (bytes > bytes_max) return fail(response, 'EntityTooLarge')
  // A checksum that was signed into the query counts like the header (the SDK hoists it).
  const query = new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '')
  const checksum = headers['x-amz-checksum-crc32'] ?? query.get('x-amz-checksum-crc32') ?? undefined
  const result = await objects.put(at.bucket, at.key, request, {
    bytes,
    crc32: checksum === undefined ? undefined : String(checksum),
    if_absent: headers['if-none-match'] === '*',
  })
  if (!result.ok) return fail(response, result.code)
  response.writeHead(200, { etag: result.etag, 'content-length': 0 }).end()
}

const get = async (request: IncomingMessage, response: ServerResponse, at: { bucket: string; key: string }, objects: Objects) => {
  const found = await objects.get(at.bucket, at.key)
  if (found === undefined) return fail(response, 'NoSuchKey')
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': found.bytes,
    'last-modified': found.modified.toUTCString(),
    etag: found.etag,
  })
  if (request.method === 'HEAD') response.end()
  else await pipeline(found.read(), response)
}

export const s3Handler = (settings: S3Settings): HttpHandler => {
  const { objects, buckets, credentials, now } = settings
  return async (request, response) => {
    const target = request.url ?? '/'
    const verdict = verifySignature({ method: request.method ?? '', target, headers: request.headers }, credentials, now())
    if (verdict !== 'ok') return fail(response, verdict)
    const at = address(target)
    if (at === undefined || !buckets.has(at.bucket)) return fail(response, 'NoSuchBucket')
    if (at.key === '') return fail(response, 'NotImplemented')
    if (request.method === 'PUT') return put(request, response, at, objects)
    if (request.method === 'GET' || request.method === 'HEAD') return get(request, response, at, objects)
    if (request.method !== 'DELETE') return fail(response, 'MethodNotAllowed')
    await objects.remove(at.bucket, at.key)
    response.writeHead(204).end()
  }
}
