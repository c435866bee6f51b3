/** Files in S3. Runners get presigned URLs: they hold no credential, and each URL is good for one object for some minutes. */
import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { Files, SessionFile } from '../ports.ts'

/**
 * The S3 client must be made with these. By default the SDK would sign a checksum of the empty body into an upload URL, and
 * S3 would refuse every file that is put there.
 */
export const s3_client_settings = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' } as const

const url_expires_s = 900
/** Sorts as text up to a million million grants of one session. */
const fencing_digits = 12

const turn_digits = 6

/**
 * Where a session's file lies. A superseded attempt has another fencing token, so it cannot overwrite a later one's; a turn has a key of its
 * own, so that what is uploaded for the next one overwrites nothing that the checkpoint names.
 */
export const sessionFileKey = ({ workspace_id, session_id, fencing_token, turn, kind }: SessionFile): string => {
  const token = String(fencing_token).padStart(fencing_digits, '0')
  const of_turn = turn === undefined ? '' : `${String(turn).padStart(turn_digits, '0')}/`
  return `sessions/${workspace_id}/${encodeURIComponent(session_id)}/${token}/${of_turn}${kind}.tar.gz`
}

const text_type = 'text/plain; charset=utf-8'

/** The files of a deployment. @param options.client made with `s3_client_settings` */
export const s3Files = ({ client, bucket }: { readonly client: S3Client; readonly bucket: string }): Files => ({
  downloadUrl: (file) => getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: sessionFileKey(file) }), { expiresIn: url_expires_s }),
  uploadUrl: async (file) => {
    if ((await client.config.requestChecksumCalculation()) !== s3_client_settings.requestChecksumCalculation)
      throw new Error('the S3 client was not made with s3_client_settings: nothing could be uploaded')
    const put = new PutObjectCommand({ Bucket: bucket, Key: sessionFileKey(file), ContentLength: file.bytes })
    // The presigner signs the length, so S3 refuses a body of another.
    return getSignedUrl(client, put, { expiresIn: url_expires_s })
  },
  remove: async (file) => {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: sessionFileKey(file) }))
  },
  putText: async (key, text) => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ContentType: text_type }))
  },
  getText: async (key) => {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      return await Body?.transformToString('utf-8')
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined
      throw error
    }
  },
})
