/** What heartbeats and other answers of the plane tell about inputs and questions, for whoever waits for it. */
import type { Answer, HeartbeatAnswer } from '../shared/contract/runner-protocol.ts'
import type { AnswerTime } from './plane.ts'

export interface News {
  /** Whether some input waits to be taken, as far as is known. */
  inputsWait(): boolean
  /** An answer of the plane said so just now: it knows better than a heartbeat that was sent before. */
  learn(inputs_wait: boolean): void
  answerTo(tool_use_id: string): Answer | undefined
  hear(answer: Pick<HeartbeatAnswer, 'inputs_wait' | 'answers'>, answered: AnswerTime): void
  /** Resolves when a heartbeat says that inputs wait or brings an answer that was not known, or with the signal. */
  next(signal: AbortSignal): Promise<void>
}

/** @param known what the claim brought */
export const createNews = (known: { readonly inputs_wait: boolean; readonly answers: readonly Answer[] }): News => {
  const answers = new Map(known.answers.map((answer) => [answer.tool_use_id, answer]))
  let inputs_wait = known.inputs_wait
  let learned_monotonic_ms = 0
  let waiting: (() => void)[] = []
  return {
    inputsWait: () => inputs_wait,
    learn: (waits) => {
      inputs_wait = waits
      learned_monotonic_ms = performance.now()
    },
    answerTo: (tool_use_id) => answers.get(tool_use_id),
    hear: (heard, { sent_monotonic_ms }) => {
      const fresh = (heard.answers ?? []).filter(({ tool_use_id }) => !answers.has(tool_use_id))
      for (const answer of fresh) answers.set(answer.tool_use_id, answer)
      const is_late = sent_monotonic_ms < learned_monotonic_ms
      if (!is_late) inputs_wait = heard.inputs_wait === true
      if (fresh.length === 0 && (is_late || !inputs_wait)) return
      const callers = waiting
      waiting = []
      for (const caller of callers) caller()
    },
    next: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        const done = (): void => {
          signal.removeEventListener('abort', done)
          waiting = waiting.filter((caller) => caller !== done)
          resolve()
        }
        signal.addEventListener('abort', done, { once: true })
        waiting.push(done)
      }),
  }
}
