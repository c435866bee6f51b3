import type { IncomingMessage } from 'node:http'

/** The whole body, or `too_large` once it exceeds `bytes_max` (Node discards the rest once there is an answer, so that the sender lives to read it). */
export const readBody = async (request: IncomingMessage, bytes_max: number): Promise<Buffer | 'too_large'> => {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > bytes_max) return 'too_large'
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const part = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
    bytes += part.length
    if (bytes > bytes_max) return 'too_large'
    chunks.push(part)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}
