/** What the scripted model answers where it is asked to draft a schedule: a few words by rule, and it says that it is scripted. */
import { draft_task } from '../../shared/domain/schedule-draft.ts'
import { userText, type ModelRequest } from './request.ts'
import type { Turn } from './script.ts'

const hours = ['midnight', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'noon']
const days = [
  ['weekday', '1-5'],
  ['weekend', '0,6'],
  ['monday', '1'],
  ['tuesday', '2'],
  ['wednesday', '3'],
  ['thursday', '4'],
  ['friday', '5'],
  ['saturday', '6'],
  ['sunday', '0'],
] as const
const places = [
  ['berlin', 'Europe/Berlin'],
  ['london', 'Europe/London'],
  ['new york', 'America/New_York'],
  ['tokyo', 'Asia/Tokyo'],
] as const

const textOf = (system: unknown): string => (typeof system === 'string' ? system : '')

const wordsOf = (message: string): { readonly words: string; readonly timezone: string } => {
  const parsed: unknown = JSON.parse(message)
  const field = (name: string) => String(Object.getOwnPropertyDescriptor(parsed, name)?.value ?? '')
  return { words: field('words').toLowerCase(), timezone: field('timezone') }
}

const cronOf = (words: string): string | undefined => {
  if (/every minute/.test(words)) return '* * * * *'
  const named = hours.findIndex((hour) => new RegExp(`\\b${hour}\\b`).test(words))
  const [, digits, minutes = '0'] = /\b(\d{1,2})(?::(\d\d))?\b/.exec(words) ?? []
  const hour = digits === undefined ? named : Number(digits)
  if (hour < 0) return undefined
  const day = days.find(([word]) => words.includes(word))?.[1] ?? (/day|daily/.test(words) ? '*' : undefined)
  return day === undefined ? undefined : `${Number(minutes)} ${hour} * * ${day}`
}

/** The answer to a draft; undefined where none is asked for. */
export const draftTurn = (request: ModelRequest): Turn | undefined => {
  if (!textOf(request.system).startsWith(draft_task)) return undefined
  const last = request.messages.at(-1)
  const { words, timezone } = wordsOf(last === undefined ? '{}' : userText(last))
  const cron_expr = cronOf(words)
  if (cron_expr === undefined)
    return { text: JSON.stringify({ unclear: 'The scripted model knows only words like "weekdays at nine in Berlin": set ANTHROPIC_API_KEY' }) }
  const zone = places.find(([place]) => words.includes(place))?.[1] ?? timezone
  return { text: JSON.stringify({ cron_expr, timezone: zone, sentence: `SCRIPTED, no model was asked: ${cron_expr} in ${zone}.` }) }
}
