/** Reading what is written on a command line: durations, instants, JSON, files, commands. */
import { basename, resolve } from 'node:path'
import * as z from 'zod'
import type { Attachment } from '../shared/domain/command.ts'
import { usageError, type Io } from './io.ts'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `10m`, `1.5h`, `0` as milliseconds. A number without a unit could be meant as seconds or milliseconds: it is refused. */
export const parseDuration = (option: string, text: string): number => {
  if (text === '0') return 0
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit]
  if (amount === undefined || factor === undefined)
    throw usageError(`${option} is not a duration: ${text}`, 'Write a number and a unit, as in 90s, 10m, 2h or 1d.')
  return Math.round(Number(amount) * factor)
}

/** An instant, as RFC 3339 or as a duration from now. @returns RFC 3339 */
export const parseInstant = (option: string, text: string, now_ms: number): string => {
  if (/^\d{4}-/.test(text)) {
    const at = Date.parse(text)
    if (!Number.isNaN(at)) return new Date(at).toISOString()
  } else if (/^\+?\d/.test(text)) {
    return new Date(now_ms + parseDuration(option, text.replace(/^\+/, ''))).toISOString()
  }
  throw usageError(`${option} is not a point in time: ${text}`, 'Write it like 2026-11-22T09:00:00Z, or like 10m for ten minutes from now.')
}

const readRequired = async (io: Pick<Io, 'cwd' | 'readFile'>, option: string, path: string): Promise<Uint8Array> => {
  const bytes = await io.readFile(resolve(io.cwd, path))
  if (bytes === undefined) throw usageError(`${option}: there is no file ${path}`)
  return bytes
}

/** JSON on the command line, or in a file as `@file`, checked by a schema. */
export const readJson = async <S extends z.ZodType>(io: Pick<Io, 'cwd' | 'readFile'>, option: string, text: string, schema: S): Promise<z.output<S>> => {
  const source = text.startsWith('@') ? new TextDecoder().decode(await readRequired(io, option, text.slice(1))) : text
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch (error) {
    throw usageError(
      `${option} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
      `Write it like ${option} '{"key": "value"}' or ${option} @file.json.`,
    )
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw usageError(`${option} is not valid:\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const asText = (bytes: Uint8Array): string | undefined => {
  try {
    const text = utf8.decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** A file as an attachment: text where it is UTF-8, base64 otherwise. Its name is the file's, without the folders. */
export const readAttachment = async (io: Pick<Io, 'cwd' | 'readFile'>, path: string): Promise<Attachment> => {
  const bytes = await readRequired(io, '--attach', path)
  const text = asText(bytes)
  return text === undefined
    ? { name: basename(path), content: Buffer.from(bytes).toString('base64'), encoding: 'base64' }
    : { name: basename(path), content: text, encoding: 'text' }
}

const parsedJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Words of a command, or one word that is a JSON array of them. */
export const parseCommand = (words: readonly string[]): readonly string[] => {
  const [only] = words
  if (words.length !== 1 || only?.startsWith('[') !== true) return words
  const parsed = z.array(z.string()).min(1).safeParse(parsedJson(only))
  if (!parsed.success) throw usageError(`--command is not a JSON array of words: ${only}`)
  return parsed.data
}
