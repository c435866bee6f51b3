/** What a call can fail with. Both say what, where and which request. */
import * as z from 'zod'

/** RFC 9457 problem details as the API sends them. Read loosely: a newer server may say more. */
export const ProblemDetails = z.looseObject({
  code: z.string(),
  title: z.string().optional(),
  status: z.int().optional(),
  detail: z.string().optional(),
  request_id: z.string().optional(),
  errors: z.array(z.looseObject({ field: z.string(), message: z.string(), value: z.unknown().optional(), allowed: z.array(z.string()).optional() })).optional(),
})
export type ProblemDetails = z.infer<typeof ProblemDetails>
export type ProblemField = NonNullable<ProblemDetails['errors']>[number]

/** The API answered, and the answer is no. `code` is stable and what a program should look at. */
export class LanekeeperError extends Error {
  /** One of the contract's problem codes, or `unexpected_answer` where the answer was not one of Lanekeeper's. */
  readonly code: string
  readonly status: number
  readonly detail: string
  readonly errors: readonly ProblemField[]
  readonly request_id: string | undefined

  constructor(
    problem: { code: string; status: number; detail: string; errors?: readonly ProblemField[]; request_id?: string | undefined },
    options?: { cause: unknown },
  ) {
    super(`${problem.code}: ${problem.detail}`, options)
    this.name = 'LanekeeperError'
    this.code = problem.code
    this.status = problem.status
    this.detail = problem.detail
    this.errors = problem.errors ?? []
    this.request_id = problem.request_id
  }
}

/** Nothing answered: no connection, or it broke. Whether the request was carried out is not known. */
export class LanekeeperUnreachable extends Error {
  readonly url: string
  /** The system's word for it, as in `ECONNREFUSED`, where there is one. */
  readonly reason: string

  constructor(url: string, reason: string, options: { cause: unknown }) {
    super(`${url} did not answer (${reason})`, options)
    this.name = 'LanekeeperUnreachable'
    this.url = url
    this.reason = reason
  }
}
