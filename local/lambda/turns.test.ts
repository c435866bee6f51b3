import { expect, test } from 'vitest'
import { makeTurns } from './turns.ts'

test('never more at once than there are turns, in the order they came, and a failure gives its turn back', async () => {
  const turns = makeTurns(2)
  let now = 0
  let most = 0
  const order: number[] = []
  const one = (n: number) => async () => {
    order.push(n)
    most = Math.max(most, (now += 1))
    await Promise.resolve()
    now -= 1
    if (n % 3 === 0) throw new Error('failed')
    return n
  }
  const results = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7].map(async (n) => turns.take(one(n))))
  expect(most).toBe(2)
  expect(order).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(results.map((result) => result.status === 'fulfilled')).toEqual([true, true, false, true, true, false, true])
})
