/** What work has used, in one line. */
import type { Usage } from '../../shared/domain/usage.ts'
import { count, duration, usd } from './format.ts'

/** `1,200 in (300 cached) + 56 out tokens · model $0.0042 · compute 3.1s $0.0001`; '' where nothing was used. */
export const usageLine = (usage: Usage): string => {
  const cached = usage.cache_read_tokens + usage.cache_write_tokens
  const tokens_in = usage.input_tokens + cached
  const parts: string[] = []
  if (tokens_in + usage.output_tokens > 0) {
    parts.push(`${count(tokens_in)} in${cached > 0 ? ` (${count(usage.cache_read_tokens)} from cache)` : ''} + ${count(usage.output_tokens)} out tokens`)
    parts.push(`model ${usd(usage.model_usd)}`)
  }
  if (usage.compute_seconds > 0) parts.push(`compute ${duration(usage.compute_seconds * 1_000)}${usage.compute_usd > 0 ? ` ${usd(usage.compute_usd)}` : ''}`)
  if (usage.control_plane_usd > 0) parts.push(`control plane ${usd(usage.control_plane_usd)}`)
  return parts.join(' · ')
}

/** All of it in dollars. */
export const totalUsd = (usage: Usage): number => usage.model_usd + usage.compute_usd + usage.control_plane_usd
