/**
 * The AWS JSON protocols for clients of the SDK whose shapes are plain JSON: no binary, no time. The SDK walks its schema of every request
 * and answer, and through a logger that is none; here JSON is written and read as it is. What a call may do, its endpoint and its repeats
 * stay the SDK's. Source: Smithy, "AWS JSON 1.0 protocol"; AWS SDK for JavaScript v3, "Middleware stack".
 */
import type { HttpRequest, HttpResponse, MiddlewareStack, ResponseMetadata } from '@smithy/types'
import * as z from 'zod'

/** What a service answered instead of a result. */
export interface ServiceFailure {
  /** Without its namespace. */
  readonly name: string
  readonly message: string
  readonly fault: 'client' | 'server'
  readonly body: unknown
  readonly $metadata: ResponseMetadata
}

export interface JsonProtocol {
  /** The part of `X-Amz-Target` before the operation's name. */
  readonly target: string
  /** The SDK's exception for a failure: its `name` and `$metadata` decide whether the SDK repeats the call. */
  readonly exceptionOf: (failure: ServiceFailure) => Error
}

const Problem = z.looseObject({ __type: z.string().optional(), message: z.string().optional(), Message: z.string().optional() })

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy in between answers as it likes; the status counts.
    return {}
  }
}

const failureOf = ({ statusCode, body }: HttpResponse, $metadata: ResponseMetadata): ServiceFailure => {
  const raw = parsed(String(body))
  const { __type, message, Message } = Problem.safeParse(raw).data ?? {}
  return {
    name: __type?.split('#').at(-1)?.split(':')[0] ?? 'Unknown',
    message: message ?? Message ?? `HTTP ${statusCode}`,
    fault: statusCode >= 500 ? 'server' : 'client',
    body: raw,
    $metadata,
  }
}

const isResponse = (value: unknown): value is HttpResponse => typeof value === 'object' && value !== null && 'statusCode' in value && 'headers' in value

const requestTo = (url: URL, target: string, input: object): HttpRequest => ({
  method: 'POST',
  protocol: url.protocol,
  hostname: url.hostname,
  ...(url.port === '' ? {} : { port: Number(url.port) }),
  path: '/',
  query: {},
  headers: { host: url.host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target },
  body: JSON.stringify(input),
})

/** In the place of the SDK's own serializer and deserializer. @param stack of a client whose request handler gathers the whole body */
export const speakPlainJson = <I extends object, O extends object>(stack: MiddlewareStack<I, O>, { target, exceptionOf }: JsonProtocol): void => {
  stack.add(
    (next, context) => {
      const operation = `${target}.${(context.commandName ?? '').replace(/Command$/, '')}`
      return async (args) => {
        if (context.endpointV2 === undefined) throw new Error(`the SDK resolved no endpoint for ${operation}`)
        return next({ ...args, request: requestTo(context.endpointV2.url, operation, args.input) })
      }
    },
    { step: 'serialize', name: 'serializerMiddleware', override: true },
  )
  stack.add(
    (next) => async (args) => {
      const { response } = await next(args)
      if (!isResponse(response)) throw new Error('the request handler gave no HTTP response')
      const { 'x-amzn-requestid': requestId } = response.headers
      const $metadata = { httpStatusCode: response.statusCode, ...(requestId === undefined ? {} : { requestId }) }
      if (response.statusCode >= 300) throw exceptionOf(failureOf(response, $metadata))
      const text = String(response.body)
      // As the SDK does: the service's answer is what its model says.
      const output: O = { ...JSON.parse(text === '' ? '{}' : text), $metadata }
      return { response, output }
    },
    { step: 'deserialize', name: 'deserializerMiddleware', override: true },
  )
}
