/// A counter whose value survives upgrades.
persistent actor Counter {
  var count : Nat = 0;

  /// Add one; returns the new value.
  public func inc() : async Nat {
    count += 1;
    count
  };

  /// The value now.
  public query func get() : async Nat {
    count
  };
}
