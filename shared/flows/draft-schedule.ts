/** A schedule in plain words: the model proposes, the cron's own arithmetic says what that means. Nothing is stored. */
import { nextTicks, type NextTicks } from '../domain/cron-ticks.ts'
import { ok, refuse, type Result } from '../domain/result.ts'
import { draftQuestion, parseDraft } from '../domain/schedule-draft.ts'
import type { Clock, TextModel } from '../ports/ports.ts'

export interface DraftDeps {
  readonly clock: Clock
  readonly model: TextModel
}
export interface ScheduleDraft extends NextTicks {
  readonly sentence: string
  readonly model: string
}

const ticks_shown = 5

/** @param timezone of words that name no place */
export const draftSchedule = async (deps: DraftDeps, words: string, timezone: string): Promise<Result<ScheduleDraft>> => {
  const answer = await deps.model.ask(draftQuestion(words, timezone))
  if (!answer.ok) {
    if (answer.why === 'not_configured') return refuse('model_not_configured', answer.message)
    return refuse('unavailable', answer.message)
  }
  const drafted = parseDraft(answer.text)
  if (!drafted.ok) return drafted
  const ticks = nextTicks(drafted.value, deps.clock.now(), ticks_shown)
  if (!ticks.ok) return refuse('draft_unclear', `the model proposed ${drafted.value.cron_expr} in ${drafted.value.timezone}, which is none: ${ticks.detail}`)
  return ok({ ...ticks.value, sentence: drafted.value.sentence, model: answer.model })
}
