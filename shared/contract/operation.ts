/** One operation of the API as data: the router, the handlers' types, the OpenAPI document and the client are made from it. */
import type * as z from 'zod'
import type { ProblemCode } from '../domain/result.ts'
import type { Role } from '../domain/workspace.ts'

export const http_methods = ['GET', 'POST', 'PATCH', 'DELETE'] as const
export type HttpMethod = (typeof http_methods)[number]

/** Answers by success status. */
export type Responses = Readonly<Record<number, z.ZodType>>

export interface Operation<P extends z.ZodObject = z.ZodObject, Q extends z.ZodObject = z.ZodObject, R extends Responses = Responses> {
  readonly id: string
  readonly method: HttpMethod
  /** As in `/v1/tasks/{task_id}`; each name in braces is a key of `params`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** The least role that may call it; `public` needs no key. */
  readonly role: Role | 'public'
  readonly params: P
  readonly query: Q
  /** Of operations that read a body; one that is not sent is read as `{}`. */
  readonly body?: z.ZodType
  readonly responses: R
  /** What this operation can be refused with, beside what any operation can. */
  readonly problems: readonly ProblemCode[]
}

/** Checks an operation and keeps its exact type. */
export const operation = <const O extends Operation>(described: O): O => described
