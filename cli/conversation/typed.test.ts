import { expect, test } from 'vitest'
import { readTyped } from './typed.ts'

test.each([
  ['hello', { kind: 'message', message: 'hello', queue_mode: 'followup' }],
  ['  y ', { kind: 'message', message: 'y', queue_mode: 'followup' }],
  ['//etc/hosts is what?', { kind: 'message', message: '/etc/hosts is what?', queue_mode: 'followup' }],
  ['two\nlines', { kind: 'message', message: 'two\nlines', queue_mode: 'followup' }],
  ['/steer use\nBritish spelling', { kind: 'message', message: 'use\nBritish spelling', queue_mode: 'steer' }],
  ['/interrupt write about lanes', { kind: 'message', message: 'write about lanes', queue_mode: 'interrupt' }],
  ['/interrupt', { kind: 'stop' }],
  ['/approve', { kind: 'answer', action: 'approve' }],
  ['/reject not that file', { kind: 'answer', action: 'reject', reason: 'not that file' }],
  ['/reject', { kind: 'answer', action: 'reject' }],
  ['/cancel', { kind: 'cancel' }],
  ['/detach', { kind: 'detach' }],
  ['/help', { kind: 'help' }],
  ['/steer', { kind: 'unknown', command: '/steer without a text' }],
  ['/frob x', { kind: 'unknown', command: '/frob' }],
  ['/', { kind: 'unknown', command: '/' }],
  [' ', { kind: 'nothing' }],
])('%j', (line, meant) => expect(readTyped(line, false)).toEqual(meant))

test.each([
  ['y', { kind: 'answer', action: 'approve' }],
  ['Yes', { kind: 'answer', action: 'approve' }],
  ['n', { kind: 'answer', action: 'reject' }],
  ['no, it is still needed', { kind: 'answer', action: 'reject', reason: 'it is still needed' }],
  ['n it is still needed', { kind: 'answer', action: 'reject', reason: 'it is still needed' }],
  ['No.', { kind: 'answer', action: 'reject' }],
  ['yes, and then', { kind: 'no_answer' }],
  ['now write a title', { kind: 'no_answer' }],
  ['nothing', { kind: 'no_answer' }],
  ['', { kind: 'nothing' }],
  ['/steer faster', { kind: 'message', message: 'faster', queue_mode: 'steer' }],
])('while a question is open, %j', (line, meant) => expect(readTyped(line, true)).toEqual(meant))
