/** What goes in and out of the fake API. */
import type { IncomingMessage } from 'node:http'
import type { OperationId } from '../../shared/contract/operations.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { problems, type FieldError, type ProblemCode } from '../../shared/domain/result.ts'

export interface FakeRequest {
  readonly id: OperationId
  readonly params: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly headers: IncomingMessage['headers']
}
export interface FakeAnswer {
  readonly status: number
  readonly body: unknown
}
/** What the fake remembers. */
export interface FakeState {
  script: readonly TaskEventBatch[]
  /** How often the second page of an audit was asked for. */
  audits: number
  /** Requests in the order they came, those that were refused too. */
  readonly seen: FakeRequest[]
}

export const problem = (code: ProblemCode, detail: string, errors?: readonly FieldError[]): FakeAnswer => ({
  status: problems[code].status,
  body: { type: 'about:blank', ...problems[code], detail, code, request_id: 'req-fake', ...(errors === undefined ? {} : { errors }) },
})
