import { ok, refuse, type Result } from '../../shared/domain/result.ts'
import type { HttpEvent } from './http.ts'

/** A request's body may have this many bytes. */
export const body_bytes_max = 5 * 1024 * 1024

const json_type = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

const parse = (text: string): Result<unknown> => {
  try {
    return ok(JSON.parse(text))
  } catch (cause) {
    // V8's sentence quotes the body, which may hold a secret: only the place is told.
    const at = cause instanceof SyntaxError ? /position \d+(?: \(line \d+ column \d+\))?/.exec(cause.message)?.[0] : undefined
    return refuse('invalid_json', at === undefined ? 'the body is not JSON, or breaks off' : `the body is not JSON: see ${at}`)
  }
}

const decode = (bytes: Buffer): Result<unknown> => {
  try {
    return parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return refuse('invalid_json', 'the body is not UTF-8')
  }
}

/** The JSON of a body. A body that is not there is `{}`. A missing content type counts as JSON. */
export const readBody = ({ body, isBase64Encoded, headers }: HttpEvent): Result<unknown> => {
  if (body === undefined || body === null || body === '') return ok({})
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
  if (bytes.length > body_bytes_max) return refuse('body_too_large', `the body has ${bytes.length} bytes; at most ${body_bytes_max} are read`)
  const type = headers['content-type']
  if (type !== undefined && !json_type.test(type)) return refuse('unsupported_media_type', 'send the body with content-type: application/json')
  return isBase64Encoded ? decode(bytes) : parse(body)
}
