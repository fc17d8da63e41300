/** JSON as types. The codec, which makes it of other values, is in `json.ts`. */

type JsonPrimitive = string | number | boolean | null
export type JsonObject = { readonly [key: string]: Json }
/** A value that `JSON.stringify` and `JSON.parse` give back equal. */
export type Json = JsonPrimitive | readonly Json[] | JsonObject
