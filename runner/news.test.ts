import { expect, test } from 'vitest'
import { ApprovalId } from '../shared/domain/ids.ts'
import { createNews } from './news.ts'

const answer = (tool_use_id: string) => ({ approval_id: ApprovalId.parse('apr_01J8ZQ4M2N3P4Q5R6S7T8V9WXY'), tool_use_id, action: 'approve' as const })
const sent = (sent_monotonic_ms: number) => ({ sent_monotonic_ms, plane_now_ms: undefined })
const never = new AbortController().signal
const later = () => sent(performance.now() + 1)

/** Whether something resolves before anything else can happen. */
const isDone = (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))])

test('who waits is told of inputs and of answers, once for each answer', async () => {
  const news = createNews({ inputs_wait: false, answers: [] })
  const inputs = news.next(never)
  news.hear({}, later())
  expect(await isDone(inputs)).toBe(false)
  news.hear({ inputs_wait: true }, later())
  expect(await isDone(inputs)).toBe(true)
  expect(news.inputsWait()).toBe(true)

  const answers = news.next(never)
  news.hear({ answers: [answer('a')] }, later())
  expect(await isDone(answers)).toBe(true)
  expect(news.answerTo('a')).toEqual(answer('a'))
  const again = news.next(never)
  news.hear({ answers: [answer('a')] }, later())
  expect(await isDone(again)).toBe(false)
})

test('a heartbeat that was sent before the last word of the plane does not unsay it', async () => {
  const news = createNews({ inputs_wait: true, answers: [] })
  const before = sent(performance.now())
  await new Promise((resolve) => setTimeout(resolve, 2))
  news.learn(false)
  const waiting = news.next(never)
  news.hear({ inputs_wait: true, answers: [] }, before)
  expect(news.inputsWait()).toBe(false)
  expect(await isDone(waiting)).toBe(false)
  news.hear({ inputs_wait: true }, later())
  expect(news.inputsWait()).toBe(true)
})

test('answers of the claim are known, and nobody waits longer than a signal', async () => {
  const news = createNews({ inputs_wait: false, answers: [answer('a')] })
  expect(news.answerTo('a')?.action).toBe('approve')
  const stop = new AbortController()
  const waiting = news.next(stop.signal)
  expect(await isDone(waiting)).toBe(false)
  stop.abort()
  expect(await isDone(waiting)).toBe(true)
  expect(await isDone(news.next(stop.signal))).toBe(true)
})
