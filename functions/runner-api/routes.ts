/**
 * The routes of the runner protocol (shared/contract/runner-protocol.ts): what each reads, what it answers, and the flow behind it.
 * All but the claim are called with an attempt token.
 */
import type * as z from 'zod'
import {
  Claim,
  Finish,
  Heartbeat,
  Question,
  runner_routes,
  RunnerEvents,
  RunnerLogs,
  TakeInputs,
  TurnEnd,
  UploadRequest,
  type FinishAnswer,
  type HeartbeatAnswer,
  type QuestionAnswer,
  type RunnerLogsAnswer,
  type TakeInputsAnswer,
  type TurnEndAnswer,
  type UploadAnswer,
} from '../../shared/contract/runner-protocol.ts'
import { ok, type Result } from '../../shared/domain/result.ts'
import { claimAttempt, heartbeat, reportEvents, reportFinish, storeLogs, uploadUrl } from '../../shared/flows/runner.ts'
import { askQuestion } from '../../shared/flows/questions.ts'
import type { RunnerIdentity } from '../../shared/flows/runner-identity.ts'
import { endTurn, takeInputs } from '../../shared/flows/turns.ts'
import type { FlowDeps } from '../../shared/flows/flow.ts'

export interface RunnerRoute {
  readonly path: string
  /** The body, strict. */
  readonly body: z.ZodType
  /** @param body as parsed by `body` @param caller undefined only for the claim */
  readonly answer: (deps: FlowDeps, body: unknown, caller: RunnerIdentity | undefined) => Promise<Result<unknown>>
  readonly needs_token: boolean
  readonly status: number
}

const withToken = <B>(
  path: string,
  body: z.ZodType<B>,
  status: number,
  answer: (deps: FlowDeps, body: B, caller: RunnerIdentity) => Promise<Result<unknown>>,
): RunnerRoute => ({
  path,
  body,
  status,
  needs_token: true,
  answer: async (deps, raw, caller) => {
    if (caller === undefined) throw new Error(`${path} was called without a token`)
    return answer(deps, body.parse(raw), caller)
  },
})

export const routes: readonly RunnerRoute[] = [
  {
    path: runner_routes.claim.path,
    body: Claim,
    status: 200,
    needs_token: false,
    answer: async (deps, raw) => claimAttempt(deps, Claim.parse(raw)),
  },
  withToken(runner_routes.heartbeat.path, Heartbeat, 200, async (deps, { usage, model_credentials_expire_at }, caller): Promise<Result<HeartbeatAnswer>> => {
    const order = await heartbeat(deps, caller, usage, model_credentials_expire_at)
    return order.ok ? ok({ ...order.value, heartbeat_ms: deps.deployment.heartbeat_ms }) : order
  }),
  withToken(runner_routes.logs.path, RunnerLogs, 200, async (deps, { entries }, caller): Promise<Result<RunnerLogsAnswer>> => {
    const stored = await storeLogs(deps, caller, entries)
    return stored.ok ? ok({ stored: stored.value }) : stored
  }),
  withToken(runner_routes.events.path, RunnerEvents, 202, async (deps, { events }, caller) => {
    const sent = await reportEvents(
      deps,
      caller,
      events.map((event) => event.usage),
    )
    return sent.ok ? ok({}) : sent
  }),
  withToken(runner_routes.questions.path, Question, 200, async (deps, question, caller): Promise<Result<QuestionAnswer>> =>
    askQuestion(deps, caller, question),
  ),
  withToken(runner_routes.uploads.path, UploadRequest, 200, async (deps, file, caller): Promise<Result<UploadAnswer>> => {
    const url = await uploadUrl(deps, caller, file)
    return url.ok ? ok({ url: url.value }) : url
  }),
  withToken(runner_routes.inputs.path, TakeInputs, 200, async (deps, take, caller): Promise<Result<TakeInputsAnswer>> => takeInputs(deps, caller, take)),
  withToken(runner_routes.turns.path, TurnEnd, 200, async (deps, turn, caller): Promise<Result<TurnEndAnswer>> => endTurn(deps, caller, turn)),
  withToken(runner_routes.finish.path, Finish, 200, async (deps, finish, caller): Promise<Result<FinishAnswer>> => reportFinish(deps, caller, finish)),
]
