/** What the agent of a sandbox wants to do with its tools, in the turn that goes on. */
import type { Sandbox } from './world.ts'

/** A use of a tool that a human is asked about. */
export interface ToolUse {
  approval_id?: string
  action?: 'approve' | 'reject'
}

/** The last use that waits, if the plane has said that it knows of it: a runner gives up its sandbox with no other. */
export const parksWith = (sandbox: Sandbox): string | undefined => {
  const [id = '', ...others] = unanswered(sandbox)
  return others.length === 0 && sandbox.tools.get(id)?.approval_id !== undefined ? id : undefined
}

/** Uses that wait for an answer. The turn does not end before. */
export const unanswered = ({ tools }: Sandbox): readonly string[] => [...tools].flatMap(([id, { action }]) => (action === undefined ? [id] : []))
