/** A frame of Amazon's event stream, in which Bedrock sends the same events. Format: AWS "Event Stream Encoding". */
import { crc32 } from 'node:zlib'

const string_type = 7

const header = (name: string, value: string): Buffer => {
  const encoded = Buffer.alloc(1 + name.length + 3 + value.length)
  encoded.writeUInt8(name.length, 0)
  encoded.write(name, 1)
  encoded.writeUInt8(string_type, 1 + name.length)
  encoded.writeUInt16BE(value.length, 2 + name.length)
  encoded.write(value, 4 + name.length)
  return encoded
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value, 0)
  return bytes
}

/** One event as a frame: lengths, their checksum, headers, payload, checksum of all. */
export const eventStreamFrame = (event: unknown): Buffer => {
  const headers = Buffer.concat([header(':event-type', 'chunk'), header(':content-type', 'application/json'), header(':message-type', 'event')])
  const payload = Buffer.from(JSON.stringify({ bytes: Buffer.from(JSON.stringify(event)).toString('base64') }))
  const lengths = Buffer.concat([uint32(16 + headers.length + payload.length), uint32(headers.length)])
  const body = Buffer.concat([lengths, uint32(crc32(lengths)), headers, payload])
  return Buffer.concat([body, uint32(crc32(body))])
}
