//! A canister without packages: `read` answers the text "rust" in Candid.

#[link(wasm_import_module = "ic0")]
extern "C" {
    fn msg_reply_data_append(from: *const u8, size: usize);
    fn msg_reply();
}

const ANSWER: &[u8] = b"DIDL\x00\x01\x71\x04rust";

#[export_name = "canister_query read"]
pub extern "C" fn read() {
    unsafe {
        msg_reply_data_append(ANSWER.as_ptr(), ANSWER.len());
        msg_reply();
    }
}
