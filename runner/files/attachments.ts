/** Attachments of a command as files, where the agent finds them. */
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attachment } from '../../shared/domain/command.ts'

const folder_name = 'attachments'

/** A file name without control characters; what is left of it is what the client called it. */
const safeName = (name: string): string => {
  const cleaned = name.replace(/[\u0000-\u001f\u007f/\\]/g, '_')
  return cleaned === '' || cleaned === '.' || cleaned === '..' ? '_' : cleaned
}

/** Two attachments of one name are told apart by a number. */
const distinctNames = (attachments: readonly Attachment[]): readonly string[] => {
  const taken = new Set<string>()
  return attachments.map(({ name }) => {
    const wanted = safeName(name)
    let given = wanted
    for (let count = 2; taken.has(given); count++) given = `${count}-${wanted}`
    taken.add(given)
    return given
  })
}

/**
 * Writes the attachments below `folder`. An agent may have left a link in their place in an earlier run: it is removed, never followed.
 * @returns their paths, relative to `folder`
 */
export const writeAttachments = async (folder: string, attachments: readonly Attachment[]): Promise<readonly string[]> => {
  if (attachments.length === 0) return []
  const into = join(folder, folder_name)
  const found = await lstat(into).catch(() => undefined)
  if (found !== undefined && !found.isDirectory()) await rm(into, { force: true })
  await mkdir(into, { recursive: true })
  const names = distinctNames(attachments)
  for (const [index, { content, encoding }] of attachments.entries()) {
    const path = join(into, names[index] ?? '_')
    await rm(path, { recursive: true, force: true })
    await writeFile(path, encoding === 'base64' ? Buffer.from(content, 'base64') : content, { flag: 'wx' })
  }
  return names.map((name) => join(folder_name, name))
}

/** How an agent is told about its attachments, after the message. @param paths as the agent sees them */
export const attachmentsNote = (paths: readonly string[]): string =>
  paths.length === 0 ? '' : `\n\nFiles attached to this message:\n${paths.map((path) => `- ${path}`).join('\n')}`
