/**
 * Time in the domain. An instant is passed in as milliseconds since the epoch (`now_ms`) and stored as
 * RFC 3339 in UTC with milliseconds, which sorts as text. This file is the only one in the domain that converts.
 */
import * as z from 'zod'

/** RFC 3339, UTC, milliseconds: `2026-11-22T09:00:00.000Z`. */
export const Timestamp = z.iso.datetime({ precision: 3 })
export type Timestamp = z.infer<typeof Timestamp>

/** The stored form of an instant. @param at_ms milliseconds since the epoch */
export const timestamp = (at_ms: number): Timestamp => new Date(at_ms).toISOString()

/** Milliseconds since the epoch of a stored instant. */
export const millis = (at: string): number => Date.parse(at)

export const second_ms = 1_000
export const minute_ms = 60_000
export const hour_ms = 3_600_000
