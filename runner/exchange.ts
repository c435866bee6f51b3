/**
 * One HTTP request to the plane or to the task's metadata, over a kept connection. Small: several attempts may share a process on one
 * machine, where `fetch` costs more than all else that an attempt says to the plane.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface Asking {
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For the whole answer. */
  readonly timeout_ms: number
  readonly signal?: AbortSignal | undefined
}
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Node ends a kept connection shortly before the server says that it would (`keep-alive: timeout`). */
const http_agent = new HttpAgent({ keepAlive: true })
const https_agent = new HttpsAgent({ keepAlive: true })

const textOf = (answer: IncomingMessage, heard: (text: string) => void, failed: (error: Error) => void): void => {
  let text = ''
  answer.setEncoding('utf8')
  answer.on('data', (piece: string) => (text += piece))
  answer.once('error', failed)
  answer.once('end', () => heard(text))
}

/** Rejects where there is no whole answer: the network failed, the time was over, the signal was aborted. */
export const exchange = (url: string, { method, headers = {}, body = '', timeout_ms, signal }: Asking): Promise<Answered> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(new Error('the request was called off'))
    const secure = url.startsWith('https:')
    const hearing = (answer: IncomingMessage): void => {
      const { statusCode: status = 0, headers: answer_headers } = answer
      const heard = (text: string): void => {
        done()
        resolve({ status, headers: answer_headers, text })
      }
      textOf(answer, heard, failed)
    }
    const options = { method, headers: { ...headers }, agent: secure ? https_agent : http_agent }
    const sent = secure ? httpsRequest(url, options, hearing) : httpRequest(url, options, hearing)
    const failed = (error: Error): void => {
      done()
      reject(error)
    }
    const callOff = (): void => void sent.destroy(new Error('the request was called off'))
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeout_ms / 1_000} s`)), timeout_ms)
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', callOff)
    }
    signal?.addEventListener('abort', callOff, { once: true })
    sent.once('error', failed)
    sent.end(body)
  })
