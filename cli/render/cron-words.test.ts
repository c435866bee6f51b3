import { expect, test } from 'vitest'
import { cronWords } from './cron-words.ts'

test.each([
  ['0 9 * * 1-5', 'At 09:00, Monday through Friday'],
  ['*/30 2 * * *', 'Every 30 minutes, between 02:00 and 02:59, every day'],
  ['0 0 13 * FRI', 'At 00:00, on day 13 of the month; also on: Friday'],
  ['0 0 1,15 */6 MON', 'At 00:00, on day 1 and 15 of the month, only in January and July; also on: Monday'],
  ['0 0 */10 * MON', 'At 00:00, on day 1, 11, 21, and 31 of the month, where that day is: Monday'],
  ['0 0 13 * */2', 'At 00:00, on day 13 of the month, where that day is: Sunday, Tuesday, Thursday, and Saturday'],
  ['*/25 * * * *', 'At 0, 25, and 50 minutes past the hour, every hour, every day'],
  ['0-0/1 */6 * * *', 'On the hour, every 6 hours, every day'],
  ['15 2 29 2 *', 'At 02:15, on day 29 of the month, only in February'],
])('%s: %s', (expr, words) => {
  expect(cronWords(expr)).toBe(words)
})

test('what is no cron has no words', () => {
  expect(cronWords('0 9 * *')).toBeUndefined()
})
